//! Rules of the house that no lint knows.

use std::path::{Path, PathBuf};

/// Which modules of `src/` a module may use besides itself. `http`, `cli`, `mcp`, `app`, `eval`, `talk` and `sample` stand at the
/// top and may use everything; leaves may be used by all.
const LAYERS: &[(&str, &[&str])] = &[
    ("agent", &["plan", "catalog", "connectors", "events", "store", "workspace"]),
    ("plan", &["catalog", "connectors", "events", "store", "workspace"]),
    ("runner", &["plan", "connectors", "events", "store", "workspace"]),
    ("schedule", &["runner", "plan", "events", "store", "workspace"]),
    // A workspace and plans are made of each other: rotation reads sealed confirmations, settings are checked like plans.
    ("workspace", &["catalog", "connectors", "plan", "store"]),
    ("catalog", &["connectors"]),
    ("connectors", &[]),
    ("events", &["store"]),
    ("store", &[]),
];
const LEAVES: &[&str] = &["clock", "ids", "net", "secrets", "tasks", "telemetry"];
const LINE_LIMIT: usize = 500;

fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|_| panic!("`{}` can be read", folder.display())) {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(name.as_str(), "node_modules" | "dist" | "target") {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "`{folder}` has files to look at");
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string()
}

/// `src/agent/turn.rs` is of `agent`; `src/workspace.rs` is of `workspace`.
fn module(path: &Path) -> String {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    inside.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

#[test]
fn nothing_points_back_up_the_flow() {
    let mut wrong = Vec::new();
    for path in files("src", &[".rs"]) {
        let module = module(&path);
        let allowed: &[&str] = match LAYERS.iter().find(|(name, _)| *name == module) {
            Some((_, allowed)) => allowed,
            None if LEAVES.contains(&module.as_str()) => &[],
            None => continue,
        };
        for (number, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
            for (start, _) in line.match_indices("crate::") {
                if line.trim_start().starts_with("//") {
                    continue;
                }
                let rest = line.get(start + "crate::".len()..).unwrap();
                let used: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                let names = if rest.starts_with('{') {
                    rest.trim_start_matches('{')
                        .split(',')
                        .map(|part| part.trim().split("::").next().unwrap().to_owned())
                        .collect()
                } else {
                    vec![used]
                };
                for used in names.into_iter().filter(|used| !used.is_empty()) {
                    if used != module && !allowed.contains(&used.as_str()) && !LEAVES.contains(&used.as_str()) {
                        wrong.push(format!("{}:{} uses `{used}`", shown(&path), number + 1));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_outgrows_a_reader() {
    let mut long: Vec<String> = files("src", &[".rs"])
        .into_iter()
        .chain(files("tests", &[".rs"]))
        .chain(files("web-chat", &[".ts"]))
        .filter_map(|path| {
            let lines = std::fs::read_to_string(&path).unwrap().lines().count();
            (lines > LINE_LIMIT).then(|| format!("{}: {lines} lines", shown(&path)))
        })
        .collect();
    long.sort();
    assert!(long.is_empty(), "divide by meaning:\n{}", long.join("\n"));
}

#[test]
fn what_a_model_reads_is_a_file() {
    let mut long = Vec::new();
    for path in files("src/agent", &[".rs"]) {
        for (number, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
            let line = line.trim_start();
            // A raw string is a pattern: no model reads it.
            if line.starts_with("//") || line.contains("r\"") || line.contains("r#\"") {
                continue;
            }
            if line.split('"').skip(1).step_by(2).any(|text| text.chars().count() > 200) {
                long.push(format!("{}:{}", shown(&path), number + 1));
            }
        }
    }
    assert!(long.is_empty(), "move to `prompts/` or `tools/`:\n{}", long.join("\n"));
}

#[test]
fn third_parties_are_named_behind_one_door_each() {
    for (name, door) in [
        ("async_openai", "src/agent/openai"),
        ("tokio_postgres_rustls", "src/connectors/postgres"),
        ("rusqlite", "src/"),
        ("duckdb::", "src/"),
    ] {
        for path in files("src", &[".rs"]) {
            let text = std::fs::read_to_string(&path).unwrap();
            let used = text.lines().any(|line| {
                !line.trim_start().starts_with("//") && line.contains(name) && line.trim_start().starts_with("use ")
            });
            assert!(!used || shown(&path).starts_with(door), "`{name}` is used in {}", shown(&path));
        }
    }
}

#[test]
fn our_own_tables_are_asked_in_the_store_alone() {
    let ours = ["sqlx::query", "sqlx::raw_sql"];
    for path in files("src", &[".rs"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        // Tests look into the store to see what must not be there.
        if module(&path) != "store"
            && !path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("tests"))
        {
            for call in ours {
                assert!(!text.contains(call), "`{call}` in {}", shown(&path));
            }
        }
    }
}

#[test]
fn every_prompt_is_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts");
    let list = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for path in files("prompts", &[".md"]) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name == "README.md" || list.contains(&name), "`prompts/{name}` is not in `prompts/README.md`");
    }
}
