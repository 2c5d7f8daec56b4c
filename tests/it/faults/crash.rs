//! The database server itself crashes in the middle of a run and comes back: once as the source, once as the destination.
#![expect(clippy::print_stdout, reason = "the tally must be seen")]

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rand::Rng as _;
use serde_json::{Value, json};
use towpath::events::RunPhase;

use super::{modes, of};
use crate::server::chaos;
use crate::systems::{Kind, System};
use crate::yard::Yard;

const ROWS: usize = 6_000;
const SHOWN: [&str; 3] = ["id", "name", "changed"];

/// A PostgreSQL server of one test's own, on a private port.
struct Crashing {
    folder: tempfile::TempDir,
    bin: PathBuf,
    port: u16,
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(program);
    command
}

impl Crashing {
    fn start() -> Self {
        let mut versions: Vec<PathBuf> =
            std::fs::read_dir("/usr/lib/postgresql").unwrap().map(|entry| entry.unwrap().path()).collect();
        versions.sort_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            assert!(Command::new("chown").arg("postgres").arg(folder.path()).status().unwrap().success());
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { folder, bin: versions.pop().unwrap().join("bin"), port };
        server.run("initdb", &["-U", "towpath", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]);
        server.up();
        server
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let done = as_postgres(&self.bin.join(program))
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(done.success(), "{program} {arguments:?}");
    }

    fn up(&self) {
        let options = format!("-p {} -k {} -c listen_addresses=127.0.0.1", self.port, self.folder.path().display());
        let log = self.folder.path().join("log").display().to_string();
        self.run("pg_ctl", &["-w", "-l", &log, "-o", &options, "start"]);
    }

    /// Ends every process of the server at once; what it had not written down is gone, as after a loss of power of it alone.
    fn crash(&self) {
        self.run("pg_ctl", &["-m", "immediate", "-w", "stop"]);
    }

    fn config(&self) -> Value {
        json!({"host": "127.0.0.1", "port": self.port, "database": "postgres", "user": "towpath", "sslmode": "disable"})
    }

    async fn client(&self) -> tokio_postgres::Client {
        let url = format!("postgres://towpath@127.0.0.1:{}/postgres", self.port);
        crate::postgres::connect(&url.parse().unwrap()).await
    }

    async fn rows(&self) -> Vec<String> {
        let sql = "select id || '|' || name || '|' || coalesce(changed::text, '-') from items order by id";
        self.client().await.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }
}

impl Drop for Crashing {
    fn drop(&mut self) {
        let _ = as_postgres(&self.bin.join("pg_ctl"))
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(["-m", "immediate", "stop"])
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

fn values() -> Vec<String> {
    (1..=ROWS).map(|id| format!("({id}, '{id:050}', {})", id / 5)).collect()
}

async fn crashed_and_whole(as_source: bool) {
    let server = Crashing::start();
    let mut crashes = 0;
    for _ in 0..chaos(1) {
        for (name, mode) in modes() {
            let folder = tempfile::tempdir().unwrap();
            let yard = Yard::open(folder.path()).await;
            yard.connect("crashing", "postgres", server.config()).await;
            let other = System::create(&yard, "other", Kind::Sqlite).await;
            server.client().await.batch_execute("drop table if exists items").await.unwrap();
            let columns = "id bigint primary key, name text, changed bigint";
            let (from, to, stream) = if as_source {
                let sql = format!("create table items ({columns}); insert into items values {}", values().join(", "));
                server.client().await.batch_execute(&sql).await.unwrap();
                ("crashing", "other", "public.items")
            } else {
                other.fill("items", columns, &values()).await;
                ("other", "crashing", "items")
            };
            let due = if as_source { server.rows().await } else { other.rows("items", &SHOWN).await.unwrap() };
            let mut plan = of(from, to, (stream, "items"), &mode);
            plan["options"] = json!({"batch_rows": 100});
            let pipeline = yard.pipeline(plan).await;
            let run = yard.start(pipeline).await;
            let wait = Duration::from_millis(rand::rng().random_range(20..500));
            tokio::time::sleep(wait).await;
            let over = yard.show(run).await.phase.is_final();
            server.crash();
            server.up();
            crashes += usize::from(!over);
            let phase = yard.runner.wait(run).await;
            assert_eq!(phase, RunPhase::Completed, "{name} after {wait:?}: {:?}", yard.show(run).await.error);
            let receipt = yard.receipt(run).await["streams"][0].clone();
            assert_eq!(receipt["verdict"], "counted", "{name} after {wait:?}: {receipt}");
            let mut stand = if as_source { other.rows("items", &SHOWN).await.unwrap() } else { server.rows().await };
            let mut due = due;
            stand.sort();
            due.sort();
            assert!(stand == due, "{name} after {wait:?}: {} rows of {}", stand.len(), due.len());
        }
    }
    let end = if as_source { "source" } else { "destination" };
    println!("TALLY crashes of the {end}'s server: {crashes}");
    assert!(crashes > 0, "the runs end too fast to be struck");
}

#[tokio::test]
async fn a_source_whose_server_crashes_is_read_to_its_true_end() {
    crashed_and_whole(true).await;
}

#[tokio::test]
async fn a_destination_whose_server_crashes_holds_every_row_once() {
    crashed_and_whole(false).await;
}
