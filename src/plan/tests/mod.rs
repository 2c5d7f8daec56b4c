//! Plans against two systems that answer from memory, on a real store.

mod offers;
mod problems;
mod shapes;
mod views;

use serde_json::{Value, json};

use crate::workspace::world;

/// A plan that is right.
pub(super) fn plan() -> Value {
    json!({
        "version": 1,
        "name": "customers to sales_data",
        "source": {"connection": "shop_pg"},
        "destination": {"connection": "wh", "namespace": "sales_data"},
        "streams": [{
            "stream": "public.customers", "target": "customers", "read": "incremental", "cursor": "updated_at",
            "lookback": "PT5M", "write": "merge", "key": ["customer_id"], "filter": "status = 'active'",
            "exclude": ["phone"], "rename": {"full_name": "name"}, "mask": {"email": "hash"}
        }],
        "schedule": {"cron": "0 2 * * *", "timezone": "UTC"},
        "assumptions": [{"slot": "streams", "text": "read `custmers` as `public.customers`"}]
    })
}

/// The plan with one stream, moved whole.
pub(super) fn plan_of(stream: Value) -> Value {
    let mut plan = plan();
    plan["streams"] = Value::Array(vec![stream]);
    plan
}
