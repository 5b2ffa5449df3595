-- SPDX-License-Identifier: LGPL-2.1-or-later
-- kith's mailbox on a Supabase project: paste all of it into the SQL editor, or apply it with psql. It can be applied again at any time.
-- Needs what every Supabase project has: auth.uid(), auth.users, the roles anon, authenticated, service_role. No extension (pg_cron is used
-- where it is).
--
-- The server may be curious or compromised. It sees who has mail for whom, when, and in which size bucket; never a text. Keys are checked by
-- the clients, end to end (certificates, pinned identity keys, safety numbers), not here.
--
-- Everything lies in kith_private, which no API exposes; the functions public.kith_* are the only way in, and public.bells, a device's own
-- doorbell, is the only table that anybody may read.
begin;

create schema if not exists kith_private;
revoke all on schema kith_private from public;

-- ---------------------------------------------------------------------------------------------------------------------------- tables

create table if not exists kith_private.accounts (
  id            uuid primary key default gen_random_uuid(),
  username      text not null unique check (username ~ '^[a-z0-9][a-z0-9._-]{0,31}$'),
  identity_key  text not null check (identity_key ~ '^[A-Za-z0-9+/]{43}=$'),
  recovery_hash text not null check (recovery_hash ~ '^[0-9a-f]{64}$'),
  created_at    timestamptz not null default now()
);
create table if not exists kith_private.devices (
  id         uuid primary key references auth.users (id) on delete cascade,      -- = auth.uid(): one anonymous user a device
  account    uuid not null references kith_private.accounts (id) on delete cascade,
  cert       text not null check (length (cert) between 16 and 2048),
  bundle     text check (length (bundle) between 16 and 1024),
  last_seen  timestamptz,
  created_at timestamptz not null default now()
);
create index if not exists devices_account on kith_private.devices (account);
create table if not exists kith_private.prekeys (
  n      bigint generated always as identity primary key,
  device uuid not null references kith_private.devices (id) on delete cascade,
  key    text not null check (key ~ '^[A-Za-z0-9+/]{43}=$'),
  unique (device, key)
);
create table if not exists kith_private.messages (
  id          uuid primary key,                                                  -- the sender's choice: uploading again is harmless
  seq         bigint generated always as identity unique,
  to_device   uuid not null references kith_private.devices (id) on delete cascade,
  from_device uuid not null references kith_private.devices (id) on delete cascade,
  from_user   uuid not null references kith_private.accounts (id) on delete cascade,
  ct          text not null check (length (ct) between 1 and 87384),             -- 64 KiB in base64
  created_at  timestamptz not null default now(),
  expires_at  timestamptz not null check (expires_at <= created_at + interval '7 days')
);
create index if not exists messages_to on kith_private.messages (to_device, seq);
create index if not exists messages_pair on kith_private.messages (to_device, from_device);
create index if not exists messages_expiry on kith_private.messages (expires_at);
create table if not exists kith_private.grants (                                 -- owner lets peer see presence and sealed addresses
  owner      uuid not null references kith_private.accounts (id) on delete cascade,
  peer       uuid not null references kith_private.accounts (id) on delete cascade,
  sealed     text check (length (sealed) <= 4096),
  updated_at timestamptz not null default now(),
  primary key (owner, peer)
);
create index if not exists grants_peer on kith_private.grants (peer);
create table if not exists kith_private.marks (                                  -- read positions, for one's other devices
  account    uuid not null references kith_private.accounts (id) on delete cascade,
  conv       text not null check (conv ~ '^[A-Za-z0-9_-]{43}$'),                 -- an HMAC: blind to the server
  pos        bigint not null,
  sealed     text check (length (sealed) <= 1024),
  updated_at timestamptz not null default now(),
  primary key (account, conv)
);
create table if not exists kith_private.buckets (key text primary key, tokens double precision not null, at timestamptz not null);
create table if not exists kith_private.leases (
  device     uuid primary key references kith_private.devices (id) on delete cascade,
  consumer   uuid not null,
  expires_at timestamptz not null
);
create table if not exists kith_private.links (
  code_hash  text primary key,
  account    uuid not null references kith_private.accounts (id) on delete cascade,
  expires_at timestamptz not null
);
-- The only published table, and the only one with any privilege. (Realtime does not apply row security to DELETE events, so nothing that
-- comes and goes may ever be in the publication.)
create table if not exists public.bells (
  device uuid primary key references kith_private.devices (id) on delete cascade,
  seq    bigint not null default 0
);

-- ------------------------------------------------------------------------------------------------------------------- deny by default

revoke all on all tables in schema kith_private from public, anon, authenticated, service_role;
revoke all on all sequences in schema kith_private from public, anon, authenticated, service_role;
revoke all on public.bells from public, anon, authenticated, service_role;                -- Supabase grants ALL on what is new in public
alter table public.bells enable row level security;
grant select on public.bells to authenticated;
drop policy if exists bells_own on public.bells;
create policy bells_own on public.bells for select to authenticated using (device = (select auth.uid()));

-- --------------------------------------------------------------------------------------------------------------------------- helpers

create or replace function kith_private.me() returns uuid
language sql stable security definer set search_path = '' as $$
  select d.account from kith_private.devices d where d.id = auth.uid()
$$;

-- PostgREST makes an HTTP error with headers of this.
create or replace function kith_private.fail(status int, code text, msg text, retry int default null) returns void
language plpgsql set search_path = '' as $$
begin
  raise sqlstate 'PGRST' using
    message = json_build_object('code', code, 'message', msg, 'details', null, 'hint', null)::text,
    detail = json_build_object('status', status, 'headers',
               case when retry is null then '{}'::json else json_build_object('Retry-After', retry::text) end)::text;
end $$;

-- The same without an exception, which would take back what was written: a wrong guess must count. The function returns this.
create or replace function kith_private.refuse(status int, code text, msg text) returns jsonb
language plpgsql set search_path = '' as $$
begin
  perform set_config('response.status', status::text, true);
  return jsonb_build_object('code', code, 'message', msg, 'details', null, 'hint', null);
end $$;

create or replace function kith_private.need_session() returns uuid
language plpgsql stable set search_path = '' as $$
begin
  if auth.uid() is null then perform kith_private.fail(401, 'kith_no_session', 'sign in first'); end if;
  return auth.uid();
end $$;

create or replace function kith_private.need_me() returns uuid
language plpgsql stable set search_path = '' as $$
declare a uuid;
begin
  perform kith_private.need_session();
  a := kith_private.me();
  if a is null then perform kith_private.fail(403, 'kith_not_registered', 'this device is not registered'); end if;
  return a;
end $$;

create or replace function kith_private.bad(what text) returns void
language sql set search_path = '' as $$
  select kith_private.fail(400, 'kith_bad_request', what)
$$;

-- A token bucket: seconds to wait, 0 when it was taken.
create or replace function kith_private.take(k text, per_second double precision, burst double precision, cost double precision default 1)
returns double precision language plpgsql set search_path = '' as $$
declare t double precision; n timestamptz := clock_timestamp();
begin
  insert into kith_private.buckets as b values (k, burst, n) on conflict (key) do update
    set tokens = least(burst, b.tokens + per_second * greatest(0, extract(epoch from n - b.at))), at = greatest(b.at, n)
    returning tokens into t;
  if t < cost then return (cost - t) / per_second; end if;
  update kith_private.buckets set tokens = tokens - cost where key = k;
  return 0;
end $$;

create or replace function kith_private.add_device(a uuid, c text) returns jsonb
language plpgsql set search_path = '' as $$
begin
  if c is null or length(c) not between 16 and 2048 then perform kith_private.bad('p_cert: 16 to 2048 characters'); end if;
  insert into kith_private.devices (id, account, cert) values (auth.uid(), a, c);
  insert into public.bells (device) values (auth.uid());
  return jsonb_build_object('user_id', a, 'device_id', auth.uid());
end $$;

-- --------------------------------------------------------------------------------------------------------------- accounts and devices

create or replace function public.kith_register(p_username text, p_identity_key text, p_cert text, p_recovery_hash text)
returns jsonb language plpgsql security definer set search_path = '' as $$
declare a uuid;
begin
  perform kith_private.need_session();
  if p_username is null or p_username !~ '^[a-z0-9][a-z0-9._-]{0,31}$' then perform kith_private.bad('p_username is not a username'); end if;
  if p_identity_key is null or p_identity_key !~ '^[A-Za-z0-9+/]{43}=$' then perform kith_private.bad('p_identity_key: base64 of 32 bytes'); end if;
  if p_recovery_hash is null or p_recovery_hash !~ '^[0-9a-f]{64}$' then perform kith_private.bad('p_recovery_hash: 64 hex digits'); end if;
  a := kith_private.me();
  if a is not null then                                                          -- a lost answer: the same data are fine
    if exists (select 1 from kith_private.accounts u where u.id = a and u.username = p_username and u.identity_key = p_identity_key) then
      return jsonb_build_object('user_id', a, 'device_id', auth.uid());
    end if;
    perform kith_private.fail(409, 'kith_already_registered', 'this device belongs to another account');
  end if;
  insert into kith_private.accounts (username, identity_key, recovery_hash) values (p_username, p_identity_key, p_recovery_hash)
    on conflict (username) do nothing returning id into a;
  if a is null then perform kith_private.fail(409, 'kith_username_taken', 'username is taken'); end if;
  return kith_private.add_device(a, p_cert);
end $$;

create or replace function public.kith_link_begin(p_code_hash text) returns void
language plpgsql security definer set search_path = '' as $$
declare a uuid := kith_private.need_me();
begin
  if p_code_hash is null or p_code_hash !~ '^[0-9a-f]{64}$' then perform kith_private.bad('p_code_hash: 64 hex digits'); end if;
  delete from kith_private.links where expires_at <= clock_timestamp();
  if (select count(*) from kith_private.links where account = a) >= 8 then
    perform kith_private.fail(429, 'kith_rate_limited', 'too many open codes', 600);
  end if;
  insert into kith_private.links values (p_code_hash, a, clock_timestamp() + interval '10 minutes')
    on conflict (code_hash) do nothing;
end $$;

-- A code of kith_link_begin, or the account's recovery code, which does not expire.
create or replace function public.kith_link_claim(p_code text, p_cert text) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare a uuid; h text; w double precision;
begin
  perform kith_private.need_session();
  if kith_private.me() is not null then perform kith_private.fail(409, 'kith_already_registered', 'this device is registered'); end if;
  if p_code is null or length(p_code) > 256 then perform kith_private.bad('p_code: a code'); end if;
  w := kith_private.take('link:' || auth.uid(), 0.05, 10);
  if w > 0 then perform kith_private.fail(429, 'kith_rate_limited', 'too many codes tried', ceil(w)::int); end if;
  h := encode(sha256(convert_to(p_code, 'UTF8')), 'hex');
  delete from kith_private.links where code_hash = h and expires_at > clock_timestamp() returning account into a;
  if a is null then select id into a from kith_private.accounts where recovery_hash = h; end if;
  if a is null then return kith_private.refuse(404, 'kith_bad_code', 'no such code'); end if;
  perform 1 from kith_private.accounts where id = a for update;                  -- two claims cannot both be the eighth
  if (select count(*) from kith_private.devices where account = a) >= 8 then
    perform kith_private.fail(409, 'kith_too_many_devices', 'eight devices at most');
  end if;
  return kith_private.add_device(a, p_cert);
end $$;

create or replace function public.kith_delete_account() returns void
language plpgsql security definer set search_path = '' as $$
declare a uuid := kith_private.need_me();
begin
  delete from kith_private.accounts where id = a;
end $$;

-- --------------------------------------------------------------------------------------------------------------- directory and prekeys

create or replace function public.kith_publish(p_bundle text, p_prekeys text[] default '{}') returns jsonb
language plpgsql security definer set search_path = '' as $$
declare n int;
begin
  perform kith_private.need_me();
  if p_bundle is null or length(p_bundle) not between 16 and 1024 or p_bundle !~ '^[A-Za-z0-9+/]+={0,2}$' then
    perform kith_private.bad('p_bundle: base64 of a key bundle');
  end if;
  if exists (select 1 from unnest(p_prekeys) k where k is null or k !~ '^[A-Za-z0-9+/]{43}=$') then
    perform kith_private.bad('p_prekeys: base64 of 32 bytes each');
  end if;
  update kith_private.devices set bundle = p_bundle where id = auth.uid();       -- also the lock: one publication at a time
  insert into kith_private.prekeys (device, key) select auth.uid(), k from unnest(p_prekeys) k on conflict (device, key) do nothing;
  select count(*) into n from kith_private.prekeys where device = auth.uid();
  if n > 200 then perform kith_private.fail(413, 'kith_too_many_prekeys', 'at most 200 one-time prekeys'); end if;
  return jsonb_build_object('prekeys', n);
end $$;

create or replace function public.kith_lookup(p_username text) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare w double precision;
begin
  perform kith_private.need_me();
  w := kith_private.take('lookup:' || auth.uid(), 0.2, 60);
  if w > 0 then perform kith_private.fail(429, 'kith_rate_limited', 'too many look-ups', ceil(w)::int); end if;
  return (select jsonb_build_object('user_id', u.id, 'username', u.username, 'identity_key', u.identity_key,
                   'devices', (select coalesce(jsonb_agg(jsonb_build_object('id', d.id, 'cert', d.cert) order by d.created_at, d.id), '[]')
                                 from kith_private.devices d where d.account = u.id))
            from kith_private.accounts u where u.username = p_username);
end $$;

-- Each one-time prekey goes out once, whoever asks at the same time; without one the signed prekey has to do.
create or replace function public.kith_claim(p_device uuid) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare w double precision; k text; d record;
begin
  perform kith_private.need_me();
  select id, cert, bundle into d from kith_private.devices where id = p_device and bundle is not null;
  if not found then perform kith_private.fail(404, 'kith_no_device', 'no such device, or it has published no keys'); end if;
  w := kith_private.take('claim:' || auth.uid() || ':' || p_device, 0.005, 5);   -- nobody drains a stranger's prekeys
  if w > 0 then perform kith_private.fail(429, 'kith_rate_limited', 'too many claims', ceil(w)::int); end if;
  delete from kith_private.prekeys where n = (
      select n from kith_private.prekeys where device = p_device order by n limit 1 for update skip locked)
    returning key into k;
  return jsonb_build_object('device', d.id, 'cert', d.cert, 'bundle', d.bundle, 'prekey', k);
end $$;

-- ------------------------------------------------------------------------------------------------------------------------------- mail

create or replace function kith_private.same_message(mid uuid, me uuid, dst uuid, c text) returns text
language plpgsql stable set search_path = '' as $$
declare old record;
begin
  select from_device, to_device, ct into old from kith_private.messages where id = mid;
  if not found then return null; end if;
  return case when old.from_device = me and old.to_device = dst and old.ct = c then 'duplicate' else 'conflict' end;
end $$;

-- What becomes of one message: a status, and in `wait` the seconds until the sender may go on.
create or replace function kith_private.deposit(a uuid, me uuid, mid uuid, dst uuid, c text, ttl int, out st text, out wait double precision)
language plpgsql set search_path = '' as $$
declare n int;
begin
  wait := 0;
  st := kith_private.same_message(mid, me, dst, c);
  if st is not null then return; end if;
  if not exists (select 1 from kith_private.devices where id = dst) then st := 'no_device'; return; end if;
  delete from kith_private.messages where to_device = dst and expires_at <= now();                            -- works without pg_cron
  select count(*) into n from kith_private.messages where to_device = dst and from_user = a;
  if n >= 500 or (n >= 5 and not exists (select 1 from kith_private.grants g join kith_private.devices d on d.account = g.owner
                                          where d.id = dst and g.peer = a)) then
    st := 'mailbox_full';                                                        -- a stranger may leave five
    return;
  end if;
  wait := kith_private.take('send:' || me, 2, 120, 1 + length(c) / 16384.0);
  if wait > 0 then st := 'rate_limited'; return; end if;
  insert into kith_private.messages (id, to_device, from_device, from_user, ct, expires_at)
    values (mid, dst, me, a, c, now() + least(604800, greatest(60, coalesce(ttl, 604800))) * interval '1 second')
    on conflict (id) do nothing;
  get diagnostics n = row_count;
  st := case when n = 1 then 'stored' else coalesce(kith_private.same_message(mid, me, dst, c), 'conflict') end;
end $$;

-- p_messages: [{"id", "to", "ct", "ttl"?}]; the answers come in the same order, and so does what is stored: after a refusal that may pass
-- later nothing more for that mailbox (or, when the sender is throttled, for anybody) is taken.
create or replace function public.kith_send(p_messages jsonb) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare a uuid := kith_private.need_me(); m jsonb; mid uuid; dst uuid; ttl int; c text; st text; w double precision; maxw double precision := 0;
        res jsonb := '[]'; blocked uuid[] := '{}'; rung uuid[] := '{}'; halted boolean := false;
begin
  if jsonb_typeof(p_messages) is distinct from 'array' or jsonb_array_length(p_messages) > 50 then
    perform kith_private.bad('p_messages: an array of at most 50 messages');
  end if;
  if (select sum(length(e ->> 'ct')) from jsonb_array_elements(p_messages) e where jsonb_typeof(e) = 'object') > 700000 then
    perform kith_private.fail(413, 'kith_too_large', 'p_messages: 512 KiB at most');
  end if;
  for m in select e from jsonb_array_elements(p_messages) e loop
    st := null; w := 0; mid := null; dst := null;
    begin
      mid := (m ->> 'id')::uuid; dst := (m ->> 'to')::uuid; ttl := (m ->> 'ttl')::int; c := m ->> 'ct';
    exception when others then mid := null;
    end;
    if mid is null or dst is null or c is null or c !~ '^[A-Za-z0-9+/]+={0,2}$' then st := 'invalid';
    elsif halted or dst = any(blocked) then st := 'deferred';
    elsif length(c) > 87384 then st := 'too_large';
    else
      select d.st, d.wait into st, w from kith_private.deposit(a, auth.uid(), mid, dst, c, ttl) d;
    end if;
    if st = 'rate_limited' then halted := true; maxw := greatest(maxw, w); end if;
    if st = 'stored' then rung := rung || dst; end if;
    if st in ('mailbox_full', 'conflict') then blocked := blocked || dst; end if;
    res := res || jsonb_build_object('id', m -> 'id', 'status', st);
  end loop;
  if rung <> '{}' then
    perform 1 from public.bells where device = any(rung) order by device for update;                          -- in one order: no deadlock
    update public.bells b set seq = (select max(x.seq) from kith_private.messages x where x.to_device = b.device) where b.device = any(rung);
  end if;
  return jsonb_build_object('results', res, 'retry_after', ceil(maxw));
end $$;

-- One consumer a mailbox, by a fencing lease; the oldest first, no cursor: a row that commits late with a lower seq is in the next fetch.
create or replace function public.kith_fetch(p_consumer uuid, p_limit int default 25, p_lease int default 60) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare ok uuid; until timestamptz; ms jsonb; n timestamptz := clock_timestamp(); lim int := least(greatest(coalesce(p_limit, 25), 1), 25);
begin
  perform kith_private.need_me();
  if p_consumer is null then perform kith_private.bad('p_consumer: a UUID'); end if;
  insert into kith_private.leases as l values (auth.uid(), p_consumer, n + least(greatest(coalesce(p_lease, 60), 5), 300) * interval '1 second')
    on conflict (device) do update set consumer = excluded.consumer, expires_at = excluded.expires_at
      where l.consumer = excluded.consumer or l.expires_at <= clock_timestamp()
    returning consumer into ok;
  if ok is null then
    select expires_at into until from kith_private.leases where device = auth.uid();
    perform kith_private.fail(409, 'kith_leased', 'another process of this device reads the mailbox',
                              greatest(1, ceil(extract(epoch from until - n)))::int);
  end if;
  select coalesce(jsonb_agg(to_jsonb(x) order by x.seq), '[]') into ms from (
    select m.id, m.seq, m.from_device, m.from_user, u.username as from_name, m.ct, m.created_at
      from kith_private.messages m join kith_private.accounts u on u.id = m.from_user
     where m.to_device = auth.uid() and m.expires_at > n
     order by m.seq limit lim + 1) x;
  return jsonb_build_object('now', n, 'more', jsonb_array_length(ms) > lim,
                            'messages', case when jsonb_array_length(ms) > lim then ms - -1 else ms end);
end $$;

create or replace function public.kith_ack(p_consumer uuid, p_ids uuid[]) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare ids jsonb;
begin
  perform kith_private.need_me();
  perform 1 from kith_private.leases where device = auth.uid() and consumer = p_consumer and expires_at > clock_timestamp() for update;
  if not found then perform kith_private.fail(409, 'kith_leased', 'the lease is lost'); end if;
  with d as (delete from kith_private.messages where to_device = auth.uid() and id = any(p_ids) returning id)
    select coalesce(jsonb_agg(id), '[]') into ids from d;
  return jsonb_build_object('deleted', ids);
end $$;

create or replace function public.kith_release(p_consumer uuid) returns void
language plpgsql security definer set search_path = '' as $$
begin
  perform kith_private.need_me();
  delete from kith_private.leases where device = auth.uid() and consumer = p_consumer;
end $$;

-- ------------------------------------------------------------------------------------------------------- presence and read positions

create or replace function public.kith_grant(p_peer uuid, p_sealed text default null) returns void
language plpgsql security definer set search_path = '' as $$
declare a uuid := kith_private.need_me();
begin
  if length(p_sealed) > 4096 then perform kith_private.bad('p_sealed: 4096 characters at most'); end if;
  if not exists (select 1 from kith_private.accounts where id = p_peer) then perform kith_private.fail(404, 'kith_no_user', 'no such user'); end if;
  insert into kith_private.grants values (a, p_peer, p_sealed) on conflict (owner, peer) do update set sealed = excluded.sealed, updated_at = now();
  if (select count(*) from kith_private.grants where owner = a) > 500 then
    perform kith_private.fail(413, 'kith_too_many_grants', 'at most 500 people');
  end if;
end $$;

create or replace function public.kith_ungrant(p_peer uuid) returns void
language plpgsql security definer set search_path = '' as $$
declare a uuid := kith_private.need_me();                                        -- in a condition nobody would ask when no row is there
begin
  delete from kith_private.grants where owner = a and peer = p_peer;
end $$;

-- Heartbeat and presence in one call: stamps me, to the minute, and answers what others let me see.
create or replace function public.kith_beat(p_visible boolean default true) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare a uuid := kith_private.need_me(); seen timestamptz := case when coalesce(p_visible, true) then date_trunc('minute', now()) end;
begin
  update kith_private.devices set last_seen = seen where id = auth.uid() and last_seen is distinct from seen;
  return jsonb_build_object('now', clock_timestamp(), 'peers', (
    select coalesce(jsonb_agg(jsonb_build_object('user_id', g.owner, 'sealed', g.sealed,
             'last_seen', (select max(d.last_seen) from kith_private.devices d where d.account = g.owner)) order by g.owner), '[]')
      from kith_private.grants g where g.peer = a));
end $$;

create or replace function public.kith_mark_read(p_conv text, p_pos bigint, p_sealed text default null) returns bigint
language plpgsql security definer set search_path = '' as $$
declare a uuid := kith_private.need_me(); out_pos bigint;
begin
  if p_conv is null or p_conv !~ '^[A-Za-z0-9_-]{43}$' or p_pos is null or length(p_sealed) > 1024 then
    perform kith_private.bad('p_conv, p_pos or p_sealed is not valid');
  end if;
  insert into kith_private.marks as r values (a, p_conv, p_pos, p_sealed, now()) on conflict (account, conv) do update
    set pos = greatest(r.pos, excluded.pos), updated_at = now(), sealed = case when excluded.pos > r.pos then excluded.sealed else r.sealed end
    returning pos into out_pos;
  if (select count(*) from kith_private.marks where account = a) > 2000 then
    perform kith_private.fail(413, 'kith_too_many_marks', 'at most 2000 conversations');
  end if;
  return out_pos;
end $$;

create or replace function public.kith_marks() returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare a uuid := kith_private.need_me();
begin
  return (select coalesce(jsonb_agg(jsonb_build_object('conv', conv, 'pos', pos, 'sealed', sealed) order by conv), '[]')
            from kith_private.marks where account = a);
end $$;

-- ------------------------------------------------------------------------------------------------------------------------ the operator

create or replace function public.kith_purge() returns bigint
language sql security definer set search_path = '' as $$
  with a as (delete from kith_private.messages where expires_at <= now() returning 1),
       b as (delete from kith_private.links where expires_at <= now()),
       c as (delete from kith_private.buckets where at < now() - interval '1 day')
  select count(*) from a
$$;

-- --------------------------------------------------------------------------------------------------------------- function privileges

do $$ declare f regprocedure; begin
  for f in select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
            where n.nspname = 'kith_private' or (n.nspname = 'public' and p.proname like 'kith\_%') loop
    execute format('revoke all on function %s from public, anon, authenticated, service_role', f);
  end loop;
  for f in select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
            where n.nspname = 'public' and p.proname like 'kith\_%' and p.proname <> 'kith_purge' loop
    execute format('grant execute on function %s to authenticated', f);
  end loop;
end $$;
grant execute on function public.kith_purge() to service_role;

do $$ begin
  if exists (select 1 from pg_publication where pubname = 'supabase_realtime') and
     not exists (select 1 from pg_publication_tables where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = 'bells') then
    alter publication supabase_realtime add table public.bells;
  end if;
  if exists (select 1 from pg_extension where extname = 'pg_cron') then
    perform cron.schedule('kith-purge', '17 * * * *', 'select public.kith_purge()');
  end if;
end $$;
commit;
notify pgrst, 'reload schema';
