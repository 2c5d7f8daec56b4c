//! Where one row is, asked of real systems after a real run.

use serde_json::json;
use towpath::events::RunPhase;
use towpath::runner::trace::{Trace, TraceError, trace};

use crate::yard::{Yard, spec};

async fn conclusion(yard: &Yard, run: towpath::ids::RunId, key: &[&str]) -> Trace {
    let key: Vec<String> = key.iter().map(|part| (*part).to_owned()).collect();
    trace(&yard.workspace, run, None, &key).await.unwrap()
}

#[tokio::test]
async fn every_place_where_a_row_can_be_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let (shop, target) = (yard.sqlite("shop").await, yard.sqlite("target").await);
    shop.execute_batch(
        "create table items (region text not null, id integer not null, name text, price text, changed integer not null,
             primary key (region, id));
         insert into items values ('eu', 1, 'bolt', '1.50', 1), ('eu', 2, 'it''s \"x\"', '2.50', 2),
             ('eu', 3, 'old', '3.50', 3), ('eu', 4, 'nut', 'dear', 4);",
    )
    .unwrap();
    let stream = json!({
        "stream": "items", "target": "things", "read": "incremental", "cursor": "changed", "write": "merge",
        "key": ["region", "id"], "filter": "name <> 'old'", "cast": {"price": "decimal(8,2)"}, "rename": {"id": "item_id"},
    });
    let pipeline = yard.pipeline(spec("shop", "target", stream)).await;
    let (run, phase) = yard.run(pipeline).await;
    assert_eq!(phase, RunPhase::Completed, "{:?}", yard.show(run).await.error);

    let written = conclusion(&yard, run, &["region=eu", "id=1"]).await;
    let held = written.at_target.clone().unwrap();
    assert_eq!((written.source.rows, written.source.passing, held.len()), (1, 1, 1));
    assert_eq!(held[0].run.as_deref(), Some(run.to_string().as_str()));
    assert!(held[0].synced_at.is_some() && written.conclusion.starts_with("This run wrote it"), "{written:?}");
    // A value that would end a quotation is a value.
    let quoted = conclusion(&yard, run, &["name=it's \"x\""]).await;
    assert_eq!(quoted.at_target.unwrap().len(), 1);

    let filtered = conclusion(&yard, run, &["region=eu", "id=3"]).await;
    assert_eq!((filtered.source.rows, filtered.source.passing), (1, 0));
    assert!(filtered.conclusion.contains("filter leaves it out"), "{}", filtered.conclusion);

    let aside = conclusion(&yard, run, &["region=eu", "id=4"]).await;
    assert_eq!((aside.set_aside.len(), aside.at_target.as_deref()), (1, Some(&[][..])), "{aside:?}");
    assert!(aside.conclusion.starts_with("This run set it aside"), "{}", aside.conclusion);

    shop.execute("insert into items values ('eu', 5, 'late', '5.00', 9)", []).unwrap();
    let late = conclusion(&yard, run, &["region=eu", "id=5"]).await;
    assert!(late.conclusion.contains("`changed` at 9"), "{}", late.conclusion);

    let nowhere = conclusion(&yard, run, &["region=us", "id=1"]).await;
    assert!(nowhere.conclusion.starts_with("Neither"), "{}", nowhere.conclusion);

    shop.execute("delete from items where id = 1", []).unwrap();
    let (next, _) = yard.run(pipeline).await;
    let left = conclusion(&yard, next, &["region=eu", "id=1"]).await;
    assert!(left.conclusion.contains("follows no deletes"), "{}", left.conclusion);
    target.execute_batch("drop table things").unwrap();
    let gone = conclusion(&yard, next, &["region=eu", "id=2"]).await;
    assert!(gone.notes[0].contains("no `"), "{gone:?}");
}

#[tokio::test]
async fn what_cannot_be_looked_for_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let (shop, _target) = (yard.sqlite("shop").await, yard.sqlite("target").await);
    shop.execute_batch(
        "create table people (id integer primary key, mail text); insert into people values (1, 'a@example.org')",
    )
    .unwrap();
    let stream = json!({"stream": "people", "target": "people", "mask": {"mail": "hash"}});
    let pipeline = yard.pipeline(spec("shop", "target", stream)).await;
    let (run, _) = yard.run(pipeline).await;
    assert_eq!(conclusion(&yard, run, &["1"]).await.at_target.unwrap().len(), 1);
    let masked = conclusion(&yard, run, &["mail=a@example.org"]).await;
    assert!(masked.at_target.is_none() && masked.notes[0].contains("masked"), "{masked:?}");

    let ask = async |stream: Option<&str>, key: &str| {
        trace(&yard.workspace, run, stream, &[key.to_owned()]).await.unwrap_err()
    };
    assert!(matches!(ask(None, "shoe=1").await, TraceError::UnknownColumn { column, .. } if column == "shoe"));
    assert!(matches!(ask(Some("pets"), "1").await, TraceError::UnknownStream { moved, .. } if moved == ["people"]));
    assert!(matches!(ask(None, "id=one").await, TraceError::Value(_)));
    let nothing = trace(&yard.workspace, towpath::ids::RunId::new(), None, &["1".to_owned()]).await.unwrap_err();
    assert!(matches!(nothing, TraceError::NotFound));
}
