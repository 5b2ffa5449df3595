-- SPDX-License-Identifier: LGPL-2.1-or-later
-- TEST ONLY. Reproduces the parts of a Supabase project's database that the
-- kith migration depends on: roles, auth.uid(), auth.users, the generous
-- default privileges of schema public, and the realtime publication.
-- Run as superuser on an empty database.
create role anon          nologin noinherit;
create role authenticated nologin noinherit;
create role service_role  nologin noinherit bypassrls;
create role authenticator login  noinherit password 'authpass';
grant anon, authenticated, service_role to authenticator;
-- hosted "postgres" is no superuser: the migration must work as a plain owner
create role app_owner login nosuperuser nobypassrls noinherit;

create schema auth;
create table auth.users (
  id uuid primary key,
  is_anonymous boolean not null default true,
  created_at timestamptz not null default now()
);
create function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb
$$;
create function auth.uid() returns uuid language sql stable as $$
  select nullif(auth.jwt() ->> 'sub', '')::uuid
$$;
create function auth.role() returns text language sql stable as $$
  select auth.jwt() ->> 'role'
$$;
grant usage on schema auth to anon, authenticated, service_role, app_owner;
grant references, select on auth.users to app_owner;

grant usage on schema public to anon, authenticated, service_role;
grant create, usage on schema public to app_owner;
grant create on database :"DBNAME" to app_owner;
-- the trap: on a Supabase project every new object in public is granted to the API roles
alter default privileges for role app_owner in schema public grant all on tables    to anon, authenticated, service_role;
alter default privileges for role app_owner in schema public grant all on functions to anon, authenticated, service_role;
alter default privileges for role app_owner in schema public grant all on sequences to anon, authenticated, service_role;

create publication supabase_realtime;
alter publication supabase_realtime owner to app_owner;
