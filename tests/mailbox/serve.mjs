// SPDX-License-Identifier: LGPL-2.1-or-later
// PostgreSQL, PostgREST and the stand-in for the rest of a Supabase project, for tests that are not written in JavaScript: says {url, key}
// in one line, and ends with its standard input.
import { startPostgres } from './backends.mjs';

const back = await startPostgres();
console.log(JSON.stringify({ url: back.url, key: back.key }));
const end = async () => { await back.stop(); process.exit(0); };
process.stdin.on('end', end).on('error', end).resume();
process.on('SIGTERM', end);
