//! How the work is cut: defaults and limits.

use crate::plan::Problem;
use crate::plan::problem::Findings;
use crate::plan::shape::clip;
use crate::plan::spec::{ByteSize, PlanSpec, Verify};

pub(super) struct Settings {
    pub batch_rows: usize,
    pub batch_bytes: usize,
    pub parallelism: usize,
    pub verify: Verify,
    pub quarantine_max_rows: u64,
}

const BATCH_ROWS: usize = 32_768;
const BATCH_BYTES: usize = 16 << 20;
const PARALLELISM: usize = 2;
const QUARANTINE_ROWS: u64 = 1_000;
/// A batch is held in memory whole.
const BYTES: std::ops::RangeInclusive<u64> = 64 << 10..=1 << 30;

pub(super) fn resolve(spec: &PlanSpec, findings: &mut Findings) -> Option<Settings> {
    if let Some(runtime) = spec.runtime.as_deref().filter(|runtime| *runtime != "local") {
        let message = format!("There is no runtime `{}`; connectors run in this server.", clip(runtime));
        findings.refuse(Problem::new("/runtime", "unknown_runtime", message).suggest("local"));
    }
    for (index, notify) in spec.notify.iter().enumerate() {
        let message = format!("There is no notification channel `{}`; nobody will be told.", clip(&notify.channel));
        findings.warn(Problem::new(format!("/notify/{index}/channel"), "not_notified", message));
    }
    let options = &spec.options;
    let batch_bytes = match &options.batch_bytes {
        None => Some(BATCH_BYTES),
        Some(size) => bytes(size, findings),
    };
    let whole = |number: u64| usize::try_from(number).ok();
    Some(Settings {
        batch_rows: options.batch_rows.map_or(Some(BATCH_ROWS), whole)?,
        batch_bytes: batch_bytes?,
        parallelism: options.parallelism.map_or(Some(PARALLELISM), |number| whole(u64::from(number)))?,
        verify: options.verify.unwrap_or(Verify::Counts),
        quarantine_max_rows: spec.quarantine.as_ref().map_or(QUARANTINE_ROWS, |quarantine| quarantine.max_rows),
    })
}

fn bytes(size: &ByteSize, findings: &mut Findings) -> Option<usize> {
    let pointer = "/options/batch_bytes";
    let Some(bytes) = size.bytes() else {
        let text = match size {
            ByteSize::Text(text) => clip(text),
            ByteSize::Bytes(bytes) => bytes.to_string(),
        };
        let message = format!("`{text}` is not a size.");
        findings.refuse(Problem::new(pointer, "bad_size", message).suggest("16MiB"));
        return None;
    };
    if !BYTES.contains(&bytes) {
        let message = "A batch has between 64KiB and 1GiB.";
        findings.refuse(Problem::new(pointer, "bad_size", message).suggest("16MiB"));
        return None;
    }
    usize::try_from(bytes).ok()
}
