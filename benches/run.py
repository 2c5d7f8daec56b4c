#!/usr/bin/env python3
"""Measures Towpath beside what limits it and beside other programs, as whole processes, in turns.

Every contestant of a work runs in each round, one after the other, so that a busy machine is busy for all of them. Printed are
medians of wall seconds, the ratio to the first limit, processor seconds of the client with everything it started and of the
server, and the peak resident size of the largest process. Where other programs are busy, processor seconds say more than wall
seconds do; their sum over the number of processors is the least that the wall can come to. What arrived is checked each time: by count, and by a checksum over every value
of every row, or byte by byte.

    benches/run.py [WORK …]           A B C D E F G; all of them when none is named

Environment:
    BENCH_PROGRAM   the program (target/release/towpath)
    BENCH_ROWS      rows of lineitem (600000; TPC-H's scale factor 1 has 6001215)
    BENCH_EVENTS    rows of messy.events (a sixth of that)
    BENCH_ROUNDS    rounds (3)
    BENCH_FOLDER    where the server's and all other files go (a folder that is removed in the end); data in a folder
                            that is named stays for the next time
    BENCH_PEERS     what benches/peers/install filled; without it only the limits are measured
    BENCH_ONLY      contestants whose name contains this, besides the first limit
"""
import glob
import hashlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROWS = int(os.environ.get("BENCH_ROWS", "600000"))
EVENTS = int(os.environ.get("BENCH_EVENTS", str(max(1000, ROWS // 6))))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
MERGED = max(1000, ROWS // 4)
CHANGED = max(100, MERGED // 15)
PROGRAM = pathlib.Path(os.environ.get("BENCH_PROGRAM", HERE.parent / "target/release/towpath")).resolve()
PEERS = pathlib.Path(os.environ["BENCH_PEERS"]).resolve() if "BENCH_PEERS" in os.environ else None
ONLY = os.environ.get("BENCH_ONLY", "")
GIVEN = os.environ.get("BENCH_FOLDER")
FOLDER = pathlib.Path(GIVEN or tempfile.mkdtemp(prefix="towpath-bench.", dir="/var/tmp"))

LINEITEM = ("l_orderkey l_partkey l_suppkey l_linenumber l_quantity l_extendedprice l_discount l_tax l_returnflag l_linestatus "
            "l_shipdate l_commitdate l_receiptdate l_shipinstruct l_shipmode l_comment").split()
# Which some systems keep with, and some without the blanks behind.
PADDED = ("l_shipinstruct", "l_shipmode")
EVENT = "id amount ratio at day uid payload raw tags ip mood note".split()
# As TPC-H declares them.
TYPES = dict(zip(LINEITEM, ["bigint", "integer", "integer", "integer", *["decimal(15,2)"] * 4, "text", "text", *["date"] * 3,
                            "text", "text", "text"]))
SETTINGS = {
    "listen_addresses": "127.0.0.1", "shared_buffers": "512MB", "max_wal_size": "16GB", "checkpoint_timeout": "30min",
    "autovacuum": "off", "max_connections": "100", "wal_level": "replica", "maintenance_work_mem": "256MB",
}


class Server:
    """A PostgreSQL of our own on a private port."""

    def __init__(self, folder):
        self.folder = folder
        self.bin = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: float(path.split("/")[4]))[-1]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgres://bench@127.0.0.1:{self.port}/bench"
        self.dsn = f"host=127.0.0.1 port={self.port} user=bench dbname=bench"

    def _do(self, *command):
        # PostgreSQL refuses to run as root.
        as_user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"] if os.getuid() == 0 else []
        subprocess.run([*as_user, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")

    def start(self):
        data = self.folder / "pg"
        fresh = not (data / "PG_VERSION").exists()
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres")
            os.chmod(self.folder, 0o755)
        if fresh:
            self._do(f"{self.bin}/initdb", "-D", str(data), "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        self._do(f"{self.bin}/pg_ctl", "-D", str(data), "-l", str(self.folder / "pg.log"), "-w", "-o",
                 f"-p {self.port} -k {self.folder} {options}", "start")
        if fresh:
            subprocess.run([f"{self.bin}/createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "bench", "bench"], check=True)

    def stop(self):
        self._do(f"{self.bin}/pg_ctl", "-D", str(self.folder / "pg"), "-m", "fast", "-w", "stop")

    def spent(self):
        """Processor seconds of every backend that has ended."""
        time.sleep(0.3)
        postmaster = int((self.folder / "pg/postmaster.pid").read_text().split()[0])
        fields = pathlib.Path(f"/proc/{postmaster}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def sql(self, text, *options):
        done = subprocess.run(["psql", self.url, "-qXAt", "-v", "ON_ERROR_STOP=1", *options, "-c", text], check=True,
                              capture_output=True, text=True)
        return done.stdout.strip()


class Maria:
    """A MariaDB of our own on a private port, with the rows of lineitem."""

    def __init__(self, folder):
        self.folder = folder / "maria"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = None

    def start(self, csv):
        as_user = ["setpriv", "--reuid", "mysql", "--regid", "mysql", "--clear-groups"] if os.getuid() == 0 else []
        fresh = not (self.folder / "data").exists()
        if fresh:
            self.folder.mkdir(parents=True)
            (self.folder / "init.sql").write_text("create user bench@'%'; grant all on *.* to bench@'%'; create database bench;")
            if os.getuid() == 0:
                os.chmod(self.folder.parent, 0o755)
                shutil.chown(self.folder, "mysql")
            subprocess.run([*as_user, "mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal",
                            "--skip-test-db", f"--datadir={self.folder}/data"], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        first = [f"--init-file={self.folder}/init.sql"] if fresh else []
        self.process = subprocess.Popen(
            [*as_user, "mariadbd", "--no-defaults", f"--datadir={self.folder}/data", f"--port={self.port}", "--bind-address=127.0.0.1",
             "--skip-name-resolve", f"--socket={self.folder}/socket", "--local-infile=1", "--innodb-buffer-pool-size=1G",
             "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", *first], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            if subprocess.run(self.client("select 1"), shell=True, capture_output=True).returncode == 0:
                break
            time.sleep(0.1)
        if fresh:
            kinds = {name: {"text": "varchar(50)"}.get(kind, kind) for name, kind in TYPES.items()}
            columns = ", ".join(f"{name} {kind} not null" for name, kind in kinds.items())
            table = f"create table lineitem ({columns}, primary key (l_orderkey, l_linenumber)) character set utf8mb4"
            load = (f"load data local infile '{csv}' into table lineitem fields terminated by ',' optionally enclosed by '\"' "
                    "ignore 1 lines")
            for statement in (table, load, "analyze table lineitem"):
                subprocess.run(self.client(statement), shell=True, check=True, stdout=subprocess.DEVNULL)

    def client(self, sql):
        sql = sql.replace('"', '\\"')
        return (f"mariadb --no-defaults --protocol=tcp --host=127.0.0.1 --port={self.port} --user=bench --local-infile=1 --quick --batch "
                f'--skip-column-names bench -e "{sql}"')

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()


class Failed(Exception):
    pass


def measured(command, shell=False):
    """Runs a command to its end: wall seconds, processor seconds, peak resident bytes."""
    log = FOLDER / "last.log"
    with open(log, "w") as out:
        before = time.perf_counter()
        process = subprocess.Popen(command, shell=shell, executable="/bin/bash" if shell else None, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - before
    if process.returncode != 0:
        raise Failed(log.read_text()[-2000:])
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def checksum_sql(columns, hexadecimal):
    row = f"md5(concat_ws('|', {', '.join(columns)}))"
    part = f"('x' || substr({row}, 1, 12))::bit(48)::bigint" if hexadecimal else f"('0x' || substr({row}, 1, 12))::bigint"
    return f"count(*) || ' ' || sum({part})"


class Bench:
    def __init__(self):
        self.server = Server(FOLDER)
        self.results = []
        self.expected = {}

    # What is there before anything is measured.
    def prepare(self):
        self.server.start()
        sizes = f"{ROWS} {EVENTS} {MERGED} {CHANGED} {hashlib.sha256((HERE / 'data.sql').read_bytes()).hexdigest()}"
        mark = FOLDER / "sizes"
        if not mark.exists() or mark.read_text() != sizes:
            print(f"making {ROWS} rows of lineitem and {EVENTS} of messy.events", file=sys.stderr)
            subprocess.run(["psql", self.server.url, "-qX", "-v", f"rows={ROWS}", "-v", f"events={EVENTS}", "-v",
                            f"merged={MERGED}", "-v", f"changed={CHANGED}", "-f", str(HERE / "data.sql")], check=True)
            (FOLDER / "csv").mkdir(exist_ok=True)
            with open(FOLDER / "csv/lineitem.csv", "w") as out:
                subprocess.run(["psql", self.server.url, "-qX", "-c", "copy lineitem to stdout (format csv, header)"], check=True,
                               stdout=out)
            mark.write_text(sizes)
        self.server.sql("create schema if not exists copied")
        shutil.rmtree(FOLDER / "towpath", ignore_errors=True)
        postgres = {"host": "127.0.0.1", "port": self.server.port, "database": "bench", "user": "bench", "sslmode": "disable"}
        self.connection("pg", "postgres", postgres)
        self.connection("pg_text", "postgres", {**postgres, "numeric_columns": "text"})
        self.connection("lake", "files", {"path": str(self.fresh_folder("lake"))})
        self.connection("duck", "duckdb", {"path": str(self.fresh_folder("duck") / "t.duckdb")})
        pattern = [{"name": "lineitem", "files": "lineitem.csv", "schema": TYPES}]
        self.connection("csv", "files", {"path": str(FOLDER / "csv"), "streams": pattern})

    def fresh_folder(self, name):
        folder = FOLDER / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def connection(self, name, connector, settings):
        sets = [part for key, value in settings.items()
                for part in ("--set", f"{key}={value if isinstance(value, str) else json.dumps(value)}")]
        subprocess.run([PROGRAM, "--data", FOLDER / "towpath", "connections", "add", name, connector, "--no-check", *sets], check=True,
                       stdout=subprocess.DEVNULL)

    # Contestants.
    def towpath(self, source, destination, stream, **options):
        namespace = options.pop("namespace", None)
        plan = {"version": 1, "name": f"bench-{source}-{destination}", "source": {"connection": source},
                "destination": {"connection": destination, **({"namespace": namespace} if namespace else {})},
                "streams": [{"stream": stream, **options}]}
        file = FOLDER / "plan.json"
        file.write_text(json.dumps(plan))
        target = options.get("target", stream.split(".")[-1])
        acknowledged = f"{namespace}.{target}" if namespace else target
        return measured([PROGRAM, "--data", FOLDER / "towpath", "--json", "run", file, "--yes", "--acknowledge", acknowledged])

    def shell(self, script):
        return measured(f"set -euo pipefail; {script}", shell=True)

    def psql(self, sql):
        return f'psql "{self.server.url}" -qX -v ON_ERROR_STOP=1 -c "{sql}"'

    def duckdb(self, file, *statements, attach=True):
        script = [PEERS / "duckdb/bin/python", HERE / "peers/duck.py", self.server.dsn if attach else "", file, *statements]
        return measured(script)


    # Checks.
    def same_in_postgres(self, table, columns=LINEITEM, of="lineitem"):
        self.same(of, self.server.sql(f"select {checksum_sql(columns, True)} from {table}"))

    def same_in_duckdb(self, source, file=":memory:", columns=LINEITEM, of="lineitem"):
        if not PEERS:
            return
        of = f"{of}, not padded"
        texts = [f"rtrim({name})" if name in PADDED else name for name in columns]
        done = subprocess.run([PEERS / "duckdb/bin/python", HERE / "peers/duck.py", "", file,
                               f"select {checksum_sql(texts, False)} from {source}"], check=True, capture_output=True, text=True)
        self.same(of, done.stdout.strip())

    def same(self, of, found):
        if of not in self.expected:
            table, _, trimmed = of.partition(", ")
            columns = [f"rtrim({name})" if trimmed and name in PADDED else name for name in LINEITEM]
            self.expected[of] = self.server.sql(f"select {checksum_sql(columns, True)} from {table}")
        if found != self.expected[of]:
            raise Failed(f"the rows that arrived are others: {found} where {of} has {self.expected[of]}")

    def digest(self, table):
        """What the server itself writes of the rows."""
        copy = f"copy (select {', '.join(EVENT)} from {table} order by id) to stdout"
        done = subprocess.run(f'{self.psql(copy)} | sha256sum', shell=True, check=True, capture_output=True)
        return done.stdout

    # One work: contestants in turns.
    def work(self, letter, title, contestants):
        rows = {}
        for turn in range(ROUNDS):
            for place, (name, before, run, check) in enumerate(contestants):
                if place > 0 and ONLY and ONLY not in name or rows.get(name) == "failed":
                    continue
                try:
                    before()
                    spent = self.server.spent()
                    outcome = (*run(), self.server.spent() - spent)
                    if check:
                        check()
                    rows.setdefault(name, []).append(outcome)
                    print(f"{letter} {name}: {outcome[0]:.2f} s", file=sys.stderr, flush=True)
                except (Failed, subprocess.CalledProcessError) as failed:
                    rows[name] = "failed"
                    print(f"{letter} {name} FAILED: {failed} {getattr(failed, 'stderr', '') or ''}", file=sys.stderr, flush=True)
        limit = None
        print(f"\n### {letter}. {title}\n\n| | wall s | ratio | client CPU s | server CPU s | peak MiB |\n|---|---|---|---|---|---|")
        for name, *_ in contestants:
            found = rows.get(name)
            if found is None:
                continue
            if found == "failed":
                print(f"| {name} | failed, or lost values | | | | |")
                continue
            wall = statistics.median(one[0] for one in found)
            limit = limit or wall
            cpu = statistics.median(one[1] for one in found)
            server = statistics.median(one[3] for one in found)
            peak = max(one[2] for one in found) / 2**20
            print(f"| {name} | {wall:.2f} | {wall / limit:.2f} | {cpu:.2f} | {server:.2f} | {peak:.0f} |", flush=True)

    def drop(self, *tables):
        return lambda: self.server.sql("; ".join(f"drop table if exists {table}" for table in tables) + "; checkpoint")

    def like(self, table, source):
        return lambda: self.server.sql(f"drop table if exists {table}; create table {table} (like {source}); checkpoint")

    def nothing(self):
        self.server.sql("checkpoint")

    def run(self, works):
        out = self.psql("copy lineitem to stdout (format binary)")
        parquet = f"{FOLDER}/lake/raw/lineitem/*.parquet"
        if "A" in works:
            contestants = [
                ("limit: COPY binary thrown away", self.nothing, lambda: self.shell(f"{out} > /dev/null"), None),
                ("towpath", lambda: self.fresh_folder("lake"), lambda: self.towpath(
                    "pg", "lake", "public.lineitem", namespace="raw", target="lineitem"),
                 lambda: self.same_in_duckdb(f"read_parquet('{parquet}')")),
            ]
            if PEERS:
                contestants.append(("DuckDB", lambda: self.fresh_folder("out"), lambda: self.duckdb(
                    ":memory:", f"copy (from pg.public.lineitem) to '{FOLDER}/out/l.parquet' (format parquet, compression zstd)"),
                    lambda: self.same_in_duckdb(f"read_parquet('{FOLDER}/out/l.parquet')")))
            self.work("A", "PostgreSQL → Parquet, zstd", contestants)
        if "B" in works:
            into = self.psql("copy copied.b from stdin (format binary)")
            half = [self.psql(f"copy (select * from lineitem where ctid {test} '({{middle}},0)') to stdout (format binary)")
                    for test in ("<", ">=")]

            def two_pipes():
                middle = int(self.server.sql("select pg_relation_size('lineitem') / 8192 / 2"))
                first, second = (part.format(middle=middle) for part in half)
                return self.shell(f"{first} | {into} & one=$!; {second} | {into}; wait $one")
            contestants = [
                ("limit: two psql pipes side by side", self.like("copied.b", "lineitem"), two_pipes,
                 lambda: self.same_in_postgres("copied.b")),
                ("one psql pipe", self.like("copied.b", "lineitem"), lambda: self.shell(f"{out} | {into}"), None),
                ("towpath", self.drop("copied.b"), lambda: self.towpath("pg", "pg", "public.lineitem", namespace="copied", target="b"),
                 lambda: self.same_in_postgres("copied.b")),
            ]
            if PEERS:
                contestants.append(("DuckDB", self.drop("copied.b"), lambda: self.duckdb(
                    ":memory:", "create table pg.copied.b as from pg.public.lineitem"), lambda: self.same_in_postgres(
                        "copied.b", [f"rtrim({name})" if name in PADDED else name for name in LINEITEM], "lineitem, not padded")))
            self.work("B", "PostgreSQL → PostgreSQL", contestants)
        if "C" in works:
            contestants = [
                ("limit: COPY binary thrown away", self.nothing, lambda: self.shell(f"{out} > /dev/null"), None),
                ("towpath", lambda: self.fresh_folder("duck"), lambda: self.towpath("pg", "duck", "public.lineitem", target="lineitem"),
                 lambda: self.same_in_duckdb("lineitem", f"{FOLDER}/duck/t.duckdb")),
            ]
            if PEERS:
                contestants.append(("DuckDB", lambda: self.fresh_folder("out"), lambda: self.duckdb(
                    f"{FOLDER}/out/t.duckdb", "create table lineitem as from pg.public.lineitem"),
                    lambda: self.same_in_duckdb("lineitem", f"{FOLDER}/out/t.duckdb")))
            self.work("C", "PostgreSQL → DuckDB", contestants)
        if "D" in works:
            self.from_mariadb()
        if "E" in works:
            self.merge()
        if "F" in works:
            csv = f"{FOLDER}/csv/lineitem.csv"
            load = self.psql("copy copied.f from stdin (format csv, header)")
            contestants = [
                ("limit: one COPY csv", self.like("copied.f", "lineitem"), lambda: self.shell(f"{load} < {csv}"),
                 lambda: self.same_in_postgres("copied.f")),
                ("towpath", self.drop("copied.f"), lambda: self.towpath("csv", "pg", "lineitem", namespace="copied", target="f"),
                 lambda: self.same_in_postgres("copied.f")),
            ]
            if PEERS:
                columns = {name: kind.upper().replace("TEXT", "VARCHAR") for name, kind in TYPES.items()}
                contestants.append(("DuckDB", self.drop("copied.f"), lambda: self.duckdb(
                    ":memory:", f"create table pg.copied.f as from read_csv('{csv}', header = true, columns = {columns})"), None))
            self.work("F", "CSV → PostgreSQL, declared types", contestants)
        if "G" in works:
            self.messy()

    def from_mariadb(self):
        maria = Maria(FOLDER)
        try:
            maria.start(FOLDER / "csv/lineitem.csv")
            settings = {"host": "127.0.0.1", "port": maria.port, "user": "bench", "database": "bench", "sslmode": "disable"}
            self.connection("maria", "mysql", settings)
            into = self.psql("copy copied.d from stdin")
            self.work("D", "MariaDB → PostgreSQL", [
                ("limit: the mariadb client piped to COPY", self.like("copied.d", "lineitem"),
                 lambda: self.shell(f"{maria.client('select * from lineitem')} | {into}"), lambda: self.same_in_postgres("copied.d")),
                ("towpath", self.drop("copied.d"), lambda: self.towpath(
                    "maria", "pg", "bench.lineitem", namespace="copied", target="d"), lambda: self.same_in_postgres("copied.d")),
            ])
        finally:
            maria.stop()

    def merge(self):
        names, keys = ", ".join(LINEITEM), ("l_orderkey", "l_linenumber")
        sets = ", ".join(f"{name} = excluded.{name}" for name in LINEITEM if name not in keys)
        for table, more in (("copied.e", ""), ("copied.e_ours", ", '' as _towpath_run_id, now() as _towpath_synced_at")):
            self.server.sql(f"drop table if exists {table}")
            self.server.sql(f"create table {table} as select *{more} from merge_base")
            self.server.sql(f"alter table {table} add primary key (l_orderkey, l_linenumber)")

        def ready(table):
            def again():
                self.server.sql(f"vacuum (full, analyze) {table}")
                self.server.sql("checkpoint")
            return again

        def merged(table):
            wrong = self.server.sql(
                f"select count(*) from {table} t full join merge_base b using (l_orderkey, l_linenumber) "
                "left join merge_changed c using (l_orderkey, l_linenumber) "
                "where t.l_comment is distinct from coalesce(c.l_comment, b.l_comment)")
            if wrong != "0":
                raise Failed(f"{wrong} rows are not as they should be after the merge")
        upsert = f"insert into copied.e select * from merge_changed on conflict (l_orderkey, l_linenumber) do update set {sets}"
        self.work("E", f"merge {CHANGED} changed rows of {MERGED}", [
            ("limit: insert … on conflict in the server", ready("copied.e"), lambda: self.shell(self.psql(upsert)),
             lambda: merged("copied.e")),
            ("towpath", ready("copied.e_ours"), lambda: self.towpath(
                "pg", "pg", "public.merge_changed", namespace="copied", target="e_ours", read="full", write="merge",
                key=["l_orderkey", "l_linenumber"]), lambda: merged("copied.e_ours")),
        ])

    def messy(self):
        pipe = (f'{self.psql("copy messy.events to stdout (format binary)")} | '
                f'{self.psql("copy copied.g from stdin (format binary)")}')
        whole = self.digest("messy.events")

        def exact(table):
            def check():
                if self.digest(table) != whole:
                    raise Failed(f"the text of {table} is not the text of messy.events")
            return check
        self.work("G", "messy rows, PostgreSQL → PostgreSQL", [
            ("limit: one psql pipe, binary", self.like("copied.g", "messy.events"), lambda: self.shell(pipe), exact("copied.g")),
            ("towpath", self.drop("copied.g"), lambda: self.towpath("pg", "pg", "messy.events", namespace="copied", target="g"),
             exact("copied.g")),
        ])

        def held():
            if PEERS:
                spelled = [self.as_postgres_writes(name) for name in EVENT]
                done = subprocess.run([PEERS / "duckdb/bin/python", HERE / "peers/duck.py", "", ":memory:", "set timezone = 'UTC'",
                                       f"select {checksum_sql(spelled, False)} from read_parquet('{FOLDER}/lake/raw/events/*.parquet')"],
                                      check=True, capture_output=True, text=True)
                # A cast to text is not how the server writes an address.
                texts = [f"case when {name} is null then 'NULL' else format('%s', {name}) end" for name in EVENT]
                wanted = self.server.sql(f"set timezone = 'UTC'; select {checksum_sql(texts, True)} from messy.events")
                if done.stdout.strip() != wanted:
                    raise Failed(f"the rows that arrived are others: {done.stdout.strip()} where messy.events has {wanted}")
        self.work("G2", "messy rows, PostgreSQL → Parquet", [
            ("limit: COPY binary thrown away", self.nothing,
             lambda: self.shell(self.psql("copy messy.events to stdout (format binary)") + " > /dev/null"), None),
            ("towpath", lambda: self.fresh_folder("lake"), lambda: self.towpath(
                "pg_text", "lake", "messy.events", namespace="raw", target="events"), held),
        ])

    @staticmethod
    def as_postgres_writes(name):
        """What DuckDB reads of a column, spelled as PostgreSQL spells it."""
        text = {
            "at": """case when isinf("at") then "at"::varchar else strftime("at"::timestamp, '%Y-%m-%d %H:%M:%S')
                  || rtrim(rtrim(strftime("at"::timestamp, '.%f'), '0'), '.') || '+00' end""",
            "raw": "'\\x' || lower(hex(raw))",
        }.get(name, f'"{name}"::varchar')
        return f"coalesce({text}, 'NULL')"


def main():
    works = [work.upper() for work in sys.argv[1:]] or list("ABCDEFG")
    FOLDER.mkdir(parents=True, exist_ok=True)
    bench = Bench()
    try:
        bench.prepare()
        print(f"{ROWS} rows of lineitem, {EVENTS} of messy.events; {ROUNDS} rounds; {os.cpu_count()} processors; "
              f"{bench.server.sql('select version()').split(' on ')[0]}")
        bench.run(works)
    finally:
        bench.server.stop()
        if not GIVEN:
            shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    main()
