# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bad network between two daemons: connections are passed on whole, chopped, late, frozen or cut, as told from outside."""

import asyncio
import threading


class Proxy(threading.Thread):
    """Listens on each of ports {own: target}; mode is read at every piece."""

    def __init__(self, ports, chance):
        super().__init__(daemon=True)
        self.ports, self.chance = ports, chance
        self.mode = 'whole'
        self.writers = set()
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.connections = 0
        self.start()
        self.ready.wait(10)

    def run(self):
        asyncio.set_event_loop(self.loop)
        for own, target in self.ports.items():
            self.loop.run_until_complete(asyncio.start_server(self.serve(target), '127.0.0.1', own))
        self.ready.set()
        self.loop.run_forever()

    def serve(self, target):
        async def handle(reader, writer):
            if self.mode == 'refuse':
                writer.transport.abort()
                return
            try:
                there, back = await asyncio.open_connection('127.0.0.1', target)
            except OSError:
                writer.transport.abort()
                return
            self.connections += 1
            self.writers |= {writer, back}
            await asyncio.gather(self.pass_on(reader, back), self.pass_on(there, writer), return_exceptions=True)
            for each in (writer, back):
                self.writers.discard(each)
                each.transport.abort()
        return handle

    async def pass_on(self, reader, writer):
        while data := await reader.read(65536):
            while self.mode == 'frozen':
                await asyncio.sleep(0.05)
            if self.mode == 'late':
                await asyncio.sleep(self.chance.uniform(0.01, 0.3))
            pieces = [data]
            if self.mode == 'chopped':
                size = self.chance.choice((1, 3, 17, 100))
                pieces = [data[at:at + size] for at in range(0, len(data), size)][:400]
                pieces.append(data[len(b''.join(pieces)):])
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                if self.mode == 'chopped':
                    await asyncio.sleep(0)
        writer.close()

    def cut(self):
        """Everything that is open ends at once, with a reset, whatever was under way."""
        def abort():
            for writer in list(self.writers):
                writer.transport.abort()
        self.loop.call_soon_threadsafe(abort)

    def end(self):
        self.cut()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.join(5)
