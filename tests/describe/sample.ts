// SPDX-License-Identifier: LGPL-2.1-or-later
// A client as a page would write it; it only has to compile (tsc --strict).
import type { Friend, KithClientEvent, KithRoutes, KithServerEvent, Message, WSClientEvent, WSEvent } from './kith';

type Route = keyof KithRoutes;

declare function ask<R extends Route>(
  route: R,
  parts: Pick<KithRoutes[R], 'path' | 'query' | 'body'>,
): Promise<{ status: KithRoutes[R]['status']; answer: KithRoutes[R]['answer'] }>;

export async function load(peer: string): Promise<Message[]> {
  const friends: Friend[] = (await ask('GET /friends', { path: {}, query: {}, body: undefined })).answer;
  const seen: string | null = friends[0]?.last_seen ?? null;
  const page = await ask('GET /messages', { path: {}, query: { peer, limit: 50 }, body: undefined });
  if (seen !== null && page.answer.has_more) console.log(page.answer.total);
  return page.answer.messages;
}

export async function send(to: string, text: string): Promise<boolean> {
  const sent = await ask('POST /messages', { path: {}, query: {}, body: { to, text } });
  if (sent.status === 202) return false;
  await ask('PATCH /friends/:username', { path: { username: to }, query: {}, body: { receipts: null } });
  return sent.answer.delivered;
}

export function show(event: KithServerEvent): string {
  switch (event.event) {
    case 'new_message':
      return `${event.seq} ${event.data.from}: ${event.data.text} ${event.data.reactions?.map((one) => one.emoji).join('') ?? ''}`;
    case 'typing':
      return `${event.data.username} ${event.data.typing ? 'types' : 'stops'}`;
    case 'friend_online':
    case 'friend_offline':
      return event.data.username;
    default:
      return event.event;
  }
}

export const commands: KithClientEvent[] = [
  { event: 'typing', data: { to: 'alice', typing: true } },
  { event: 'mark_read', data: { peer: 'alice', msg_id: '550e8400-e29b-41d4-a716-446655440000' } },
];

// The names of the first user interface, used as it uses them.
export const handle = (event: WSEvent): Message | undefined => (event.event === 'new_message' ? event.data : undefined);
export const say = (event: WSClientEvent): string => JSON.stringify(event);

// @ts-expect-error a status of this API is not a number
ask('PUT /presence', { path: {}, query: {}, body: { status: 1 } });
// @ts-expect-error there is no such call
ask('GET /nothing', { path: {}, query: {}, body: undefined });
// @ts-expect-error typing needs a friend
export const wrong: KithClientEvent = { event: 'typing', data: { typing: true } };
