//! Schema and types say the same; texts in YAML and JSON read alike.

use serde_json::{Value, json};

use super::plan;
use super::world::World;
use crate::plan::schedule::Timetable;
use crate::plan::spec::{PlanSpec, ReadSpec};
use crate::plan::{Draft, explain, shape};

/// A plan that uses every setting.
fn everything() -> Value {
    json!({
        "version": 1, "name": "all", "source": {"connection": "a"},
        "destination": {"connection": "b", "namespace": "n"},
        "streams": [{
            "stream": "s", "target": "t", "read": "incremental", "cursor": "c", "lookback": "PT5M", "null_cursor": "include",
            "write": "merge", "key": ["k"], "deletes": "soft", "filter": "k = 1", "select": ["k"], "exclude": ["x"],
            "rename": {"k": "l"}, "cast": {"k": "text"}, "mask": {"k": "null"}, "schema_policy": "evolve"
        }],
        "schedule": {"cron": "0 2 * * *", "timezone": "UTC"}, "runtime": "local",
        "options": {"batch_rows": 1, "batch_bytes": "16MiB", "parallelism": 1, "verify": "checksums"},
        "quarantine": {"max_rows": 0}, "notify": [{"channel": "ops", "on": ["failed"]}],
        "assumptions": [{"slot": "goal", "text": "x"}]
    })
}

#[test]
fn every_setting_of_the_schema_is_one_of_the_types_and_the_other_way_round() {
    let draft = everything();
    assert_eq!(shape::problems(&draft), []);
    let spec: PlanSpec = serde_json::from_value(draft.clone()).unwrap();
    assert_eq!(serde_json::to_value(&spec).unwrap(), draft, "nothing is lost on the way through the types");
    let mut missing = Vec::new();
    walk(shape::schema(), &draft, "", &mut missing);
    assert_eq!(missing, ["/schedule/every"], "the example uses every setting of the schema");
}

/// Settings of the schema that the example lacks.
fn walk(schema: &Value, example: &Value, at: &str, missing: &mut Vec<String>) {
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let pointer = format!("{at}/{name}");
        assert!(inner["description"].is_string(), "{pointer} is described for the model");
        match example.get(name) {
            None => missing.push(pointer),
            Some(value) if inner.get("items").is_some() => {
                if let Some(item) = value.get(0) {
                    walk(&inner["items"], item, &pointer, missing);
                }
            }
            Some(value) => walk(inner, value, &pointer, missing),
        }
    }
}

#[test]
fn every_word_of_the_schemas_lists_is_one_of_the_types() {
    let items = &shape::schema()["properties"]["streams"]["items"]["properties"];
    for (setting, values) in
        items.as_object().unwrap().iter().filter_map(|(name, inner)| Some((name, inner.get("enum")?)))
    {
        for value in values.as_array().unwrap() {
            let mut draft = everything();
            draft["streams"][0][setting] = value.clone();
            assert!(serde_json::from_value::<PlanSpec>(draft).is_ok(), "{setting}: {value}");
        }
    }
    for mask in ["hash", "redact", "partial", "null"] {
        let mut draft = everything();
        draft["streams"][0]["mask"]["k"] = json!(mask);
        assert!(shape::problems(&draft).is_empty() && serde_json::from_value::<PlanSpec>(draft).is_ok(), "{mask}");
    }
    let every = json!({"every": "PT15M"});
    let mut draft = everything();
    draft["schedule"] = every;
    assert!(shape::problems(&draft).is_empty() && serde_json::from_value::<PlanSpec>(draft).is_ok());
}

#[tokio::test]
async fn yaml_json_and_a_model_say_the_same() {
    let world = World::new().await;
    let yaml = "
version: 1
name: customers to sales_data
source: {connection: shop_pg}
destination: {connection: wh, namespace: sales_data}
streams:
  - stream: public.customers
    target: customers
    read: incremental
    cursor: updated_at
    lookback: PT5M
    write: merge
    key: [customer_id]
    filter: \"status = 'active'\"
    exclude: [phone]
    rename: {full_name: name}
    mask: {email: hash}
schedule: {cron: \"0 2 * * *\", timezone: UTC}
assumptions: [{slot: streams, text: \"read `custmers` as `public.customers`\"}]
";
    let from_yaml = Draft::from_text(yaml).unwrap().validate(&world.workspace).await.unwrap();
    let from_json = Draft::from_text(&plan().to_string()).unwrap().validate(&world.workspace).await.unwrap();
    let mut sparse = plan();
    sparse["runtime"] = Value::Null;
    sparse["streams"][0]["null_cursor"] = Value::Null;
    let from_model = Draft::from_model(sparse).validate(&world.workspace).await.unwrap();
    assert_eq!(from_yaml.digest(), from_json.digest());
    assert_eq!(from_yaml.digest(), from_model.digest());
    let again = Draft::from_spec(from_yaml.spec()).validate(&world.workspace).await.unwrap();
    assert_eq!(again.digest(), from_yaml.digest());
}

#[test]
fn text_that_is_no_plan_is_told_with_its_place() {
    let problem = Draft::from_text("version: 1\nname: [unclosed\nsource: {").unwrap_err().remove(0);
    assert_eq!(problem.code, "shape");
    assert!(problem.message.contains("line"), "{}", problem.message);
}

#[test]
fn a_plan_is_explained_in_plain_english() {
    let spec: PlanSpec = serde_json::from_value(plan()).unwrap();
    assert_eq!(
        explain(&spec),
        "`customers to sales_data` moves one stream from `shop_pg` to `sales_data` in `wh`.\n\
         - `public.customers` as `customers`: every run reads rows whose `updated_at` is new, and the last 5 minutes again \
         and merges them by `customer_id`. Only rows where status = 'active'. Without `phone`. `full_name` is called `name`. \
         `email` is hashed.\n\
         It runs every day at 02:00 UTC.\n\
         Assumed: read `custmers` as `public.customers`."
    );
    assert_eq!(spec.streams[0].read, ReadSpec::Incremental);
    assert!(Timetable::parse(spec.schedule.as_ref().unwrap()).is_ok());
}
