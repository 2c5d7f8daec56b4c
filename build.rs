//! Tells the linker where the program will look for the prebuilt DuckDB library: beside itself first, then where it was
//! built against.

#[expect(clippy::disallowed_methods, reason = "a build script has no other way to be told")]
fn main() {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    println!("cargo:rerun-if-changed=migrations");
    // The page is built into the program; it may not be there yet.
    println!("cargo:rerun-if-changed=web-chat/dist");
    if let Ok(folder) = std::env::var("DUCKDB_LIB_DIR") {
        let folder = std::fs::canonicalize(&folder).map_or(folder, |path| path.display().to_string());
        println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN:$ORIGIN/lib:{folder}");
    }
}
