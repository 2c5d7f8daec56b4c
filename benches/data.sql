-- The tables that are measured: TPC-H's lineitem in shape, and one with everything that is easily lost.
-- psql variables: rows (of lineitem), events, merged (rows of the table that is merged into), changed.
\set ON_ERROR_STOP on
set client_min_messages = warning;
drop table if exists lineitem, merge_base, merge_changed;
drop schema if exists messy cascade;
create or replace function h(n bigint, seed int) returns bigint language sql immutable parallel safe as $$ select hashint8extended(n, seed) & 1099511627775 $$;

create table lineitem (
    l_orderkey bigint not null, l_partkey integer not null, l_suppkey integer not null, l_linenumber integer not null,
    l_quantity numeric(15,2) not null, l_extendedprice numeric(15,2) not null, l_discount numeric(15,2) not null,
    l_tax numeric(15,2) not null, l_returnflag char(1) not null, l_linestatus char(1) not null,
    l_shipdate date not null, l_commitdate date not null, l_receiptdate date not null,
    l_shipinstruct char(25) not null, l_shipmode char(10) not null, l_comment varchar(44) not null);

-- Drawn from hashes of the row's number, so that every run has the same rows.
insert into lineitem
select n / 4 + 1,
    1 + (h(n, 1) % 200000)::int, 1 + (h(n, 2) % 10000)::int, (n % 4 + 1)::int,
    q, (q * (90000 + h(n, 4) % 110000))::numeric / 100, (h(n, 5) % 11)::numeric / 100, (h(n, 6) % 9)::numeric / 100,
    (array['A', 'N', 'R'])[1 + h(n, 7) % 3], (array['F', 'O'])[1 + h(n, 8) % 2],
    d, d + (h(n, 10) % 60)::int - 30, d + 1 + (h(n, 11) % 30)::int,
    (array['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[1 + h(n, 12) % 4],
    (array['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'])[1 + h(n, 13) % 7],
    substr(words, 1 + (h(n, 14) % 300)::int, 10 + (h(n, 15) % 34)::int)
from generate_series(0::bigint, :rows - 1) as n,
    lateral (select 1 + h(n, 3) % 50 as q, date '1992-01-01' + (h(n, 9) % 2500)::int as d) as drawn,
    (select 'the blithely regular deposits sleep carefully against the furiously final packages; express accounts nag '
        'quickly above the silent foxes, and ironic requests haunt fluffily among the slyly bold theodolites. pending '
        'pinto beans wake across the even instructions; unusual ideas boost daringly according to the special platelets '
        'which cajole under the dolphins of the courts' as words) as text;
analyze lineitem;

create schema messy;
create type messy.mood as enum ('sad', 'ok', 'happy', 'über-glücklich');
create table messy.events (
    id bigint primary key, amount numeric(38,10), ratio numeric, at timestamptz, day date, uid uuid, payload jsonb,
    raw bytea, tags text[], ip inet, mood messy.mood, note text);
insert into messy.events
select n,
    case n % 50 when 0 then null when 1 then 'NaN' else (h(n, 1) * 1000003)::numeric / 10000000000 end,
    case n % 40 when 0 then null when 1 then 'NaN' when 2 then 'Infinity' when 3 then '-Infinity'
        else (h(n, 2)::numeric * h(n, 3)::numeric) / (10::numeric ^ (n % 30)::int) end,
    case n % 60 when 0 then null when 1 then 'infinity' when 2 then '-infinity'
        else timestamptz '2020-01-01 00:00:00Z' + (h(n, 4) % 200000000) * interval '1 second' + (n % 1000000) * interval '1 us' end,
    case n % 70 when 0 then null when 1 then 'infinity' when 2 then '-infinity' else date '2000-01-01' + (h(n, 5) % 9000)::int end,
    case when n % 20 = 0 then null else md5(n::text)::uuid end,
    case when n % 20 = 3 then null else jsonb_build_object('id', n, 'big', 12345678901234567890.12345678901234567890 + n,
        'text', 'ü "quoted" \ ' || n, 'nested', jsonb_build_array(1, null, 'x', jsonb_build_object('a', h(n, 6)))) end,
    case when n % 20 = 4 then null else decode(md5(n::text), 'hex') end,
    case n % 20 when 5 then null when 6 then '{}' else array['a', 'b,c', null, 'd"e', 'f\g', n::text] end,
    case when n % 20 = 7 then null when n % 2 = 0 then ('10.' || n % 250 || '.' || h(n, 7) % 250 || '.0/24')::inet
        else ('2001:db8::' || to_hex(n % 65536))::inet end,
    case when n % 20 = 8 then null else (enum_range(null::messy.mood))[1 + n % 4] end,
    case n % 20 when 9 then null when 10 then '' when 11 then E'line\nbreak\ttab' else 'naïve 🚀 ' || n || ' 漢字' end
from generate_series(1::bigint, :events) as n;
analyze messy.events;

create table merge_base as select * from lineitem limit 0;
insert into merge_base select * from lineitem order by ctid limit :merged;
alter table merge_base add primary key (l_orderkey, l_linenumber);
create table merge_changed as
select (jsonb_populate_record(t, jsonb_build_object('l_comment', 'changed ' || l_orderkey))).* from merge_base t
where (l_orderkey * 7 + l_linenumber) % (:merged / :changed) = 0 limit :changed;
alter table merge_changed add primary key (l_orderkey, l_linenumber);
analyze merge_base;
analyze merge_changed;
checkpoint;
