use proptest::prelude::*;

use super::*;
use crate::connectors::filter::{Comparison, Filter, Literal, Operand};
use crate::connectors::{Column, ColumnType, LogicalType, Unit};

fn columns() -> Vec<Column> {
    let column = |name: &str, logical, spelled: &str, nullable| {
        Column::new(name, ColumnType::new(logical, "test", spelled), nullable)
    };
    vec![
        column("id", LogicalType::Int64, "bigint", false),
        column("amount", LogicalType::Decimal { precision: 12, scale: 2 }, "numeric(12,2)", true),
        column("status", LogicalType::Text, "text", true),
        column("Label", LogicalType::Text, "text", false),
        column("active", LogicalType::Boolean, "boolean", true),
        column("sold_on", LogicalType::Date, "date", true),
        column("updated_at", LogicalType::Timestamp { unit: Unit::Microsecond, zoned: true }, "timestamptz", true),
        column("seen_at", LogicalType::Timestamp { unit: Unit::Microsecond, zoned: false }, "timestamp", true),
        column("token", LogicalType::Uuid, "uuid", true),
        column("body", LogicalType::Json, "json", true),
        column("case", LogicalType::Int32, "integer", true),
        column("a \"b\"", LogicalType::Int32, "integer", true),
    ]
}

fn read(text: &str) -> Filter {
    parse(text, &columns(), "/f").unwrap_or_else(|problems| panic!("{text}: {problems:?}"))
}

fn refused(text: &str) -> (&'static str, String, Option<String>) {
    let problem = parse(text, &columns(), "/f").expect_err(text).remove(0);
    assert_eq!(problem.pointer, "/f");
    (problem.code, problem.message, problem.suggestion)
}

#[test]
fn filters_read_and_render_in_one_spelling() {
    for (text, canonical_text) in [
        ("status = 'active'", "status = 'active'"),
        ("STATUS='active' AND amount>=10", "status = 'active' and amount >= 10"),
        ("(status = 'a' or status = 'b') and not active", "(status = 'a' or status = 'b') and (not (active = true))"),
        ("id in (1, 2,3)", "id in (1, 2, 3)"),
        ("id not in (-1)", "id not in (-1)"),
        ("sold_on between '2026-01-01' and date '2026-1-31'", "sold_on between '2026-01-01' and '2026-01-31'"),
        ("status is not null", "status is not null"),
        ("status is distinct from 'x'", "status is distinct from 'x'"),
        ("status is distinct from null", "status is not null"),
        (
            "id = 1 and status is not distinct from 'x' or not id is distinct from 2 and active",
            "(id = 1 and status is not distinct from 'x') or ((not (id is distinct from 2)) and active = true)",
        ),
        ("(id is distinct from (2)) or (active)", "id is distinct from 2 or active = true"),
        (
            "updated_at is distinct from (now() - interval '1 day') or id = 1",
            "updated_at is distinct from now() - interval '1 day' or id = 1",
        ),
        ("active", "active = true"),
        ("active is not true", "active is distinct from true"),
        ("status like 'it''s\\_%'", "status like 'it''s\\_%'"),
        ("status not ilike 'x!%' escape '!'", "status not ilike 'x\\%'"),
        ("5 < amount", "amount > 5"),
        ("amount = 1e3", "amount = 1000"),
        ("amount = .5", "amount = 0.5"),
        ("updated_at >= '2026-01-01'", "updated_at >= '2026-01-01T00:00:00Z'"),
        ("updated_at >= '2026-01-01 10:00+02'", "updated_at >= '2026-01-01T08:00:00Z'"),
        ("seen_at < timestamp '2026-01-01 10:00:00.5'", "seen_at < '2026-01-01T10:00:00.500'"),
        ("updated_at > now() - interval '30 days'", "updated_at > now() - interval '30 days'"),
        ("updated_at > current_timestamp - interval 2 week", "updated_at > now() - interval '14 days'"),
        ("updated_at > now() - interval '1' month", "updated_at > now() - interval '1 month'"),
        ("sold_on >= current_date - 7", "sold_on >= current_date - interval '7 days'"),
        ("sold_on = now()", "sold_on = current_date"),
        ("token = '6BA7B810-9DAD-11D1-80B4-00C04FD430C8'", "token = '6ba7b810-9dad-11d1-80b4-00c04fd430c8'"),
        ("\"case\" > 1 and \"a \"\"b\"\"\" < 2", "\"case\" > 1 and \"a \"\"b\"\"\" < 2"),
        ("label = 'x'", "Label = 'x'"),
        ("status = Label", "status = Label"),
        ("((status = 'a'))", "status = 'a'"),
        ("a_b = 1 or id = 1", "error"),
    ] {
        match parse(text, &columns(), "") {
            Ok(filter) => {
                assert_eq!(render(&filter), canonical_text, "{text}");
                assert_eq!(read(canonical_text), filter, "{text}");
            }
            Err(problems) => assert_eq!("error", canonical_text, "{text}: {problems:?}"),
        }
    }
}

#[test]
fn what_is_not_allowed_is_refused_with_what_to_write() {
    for (text, code, suggestion) in [
        ("id in (select id from users)", "filter_unsupported", None),
        ("exists (select 1)", "filter_unsupported", None),
        ("lower(status) = 'a'", "filter_unsupported", None),
        ("pg_sleep(10) is null", "filter_unsupported", None),
        ("id = $1", "filter_unsupported", None),
        ("id = ?", "filter_unsupported", None),
        ("id::text = '1'", "filter_unsupported", None),
        ("cast(id as text) = '1'", "filter_unsupported", None),
        ("id = 1 -- and so on", "filter_unsupported", None),
        ("id = 1 /* x */", "filter_unsupported", None),
        ("id = 1; drop table users", "filter_unsupported", None),
        ("id + 1 = 2", "filter_unsupported", None),
        ("1 = 1", "filter_unsupported", None),
        ("true", "filter_unsupported", None),
        ("case when active then true else false end", "filter_unsupported", None),
        ("customers.status = 'a'", "filter_unsupported", Some("status")),
        ("id = any(array[1])", "filter_unsupported", None),
        ("updated_at > now() + interval '1 day'", "filter_unsupported", None),
        ("updated_at > now() - interval 'a while'", "filter_unsupported", None),
        ("updated_at > now() - interval '99999999999 years'", "filter_unsupported", None),
        ("", "filter_syntax", None),
        ("status =", "filter_syntax", None),
        ("status = 'a' where id = 1", "filter_syntax", None),
        ("status = 'open", "filter_syntax", None),
        ("status = ‘a’", "filter_syntax", None),
        ("status like 'a\\'", "filter_syntax", None),
        ("statu = 'a'", "unknown_column", Some("status")),
        ("status = \"open\"", "unknown_column", Some("'open'")),
        ("id = '5'", "filter_type", Some("5")),
        ("status = 5", "filter_type", Some("'5'")),
        ("active = 1", "filter_type", Some("true")),
        ("active = 'no'", "filter_type", Some("false")),
        ("status = null", "filter_type", Some("status IS NULL")),
        ("status <> null", "filter_type", Some("status IS NOT NULL")),
        ("id in (1, null)", "filter_type", None),
        ("sold_on > 'last week'", "filter_type", None),
        ("sold_on > '2026-02-30'", "filter_type", None),
        ("sold_on > '2026-01-01 10:00:00'", "filter_type", Some("'2026-01-01'")),
        ("seen_at > '2026-01-01T10:00:00+02:00'", "filter_type", Some("'2026-01-01T08:00:00'")),
        ("body = '{}'", "filter_type", None),
        ("token = 'abc'", "filter_type", None),
        ("id like '1%'", "filter_type", None),
        ("status", "filter_type", None),
        ("status = amount", "filter_type", None),
    ] {
        let (found, message, said) = refused(text);
        assert_eq!(found, code, "{text}: {message}");
        if suggestion.is_some() {
            assert_eq!(said.as_deref(), suggestion, "{text}");
        }
    }
}

#[test]
fn every_problem_of_a_filter_is_told_at_once() {
    let problems = parse("statu = 'a' and id = 'x' and lower(status) = 'b'", &columns(), "/f").unwrap_err();
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["unknown_column", "filter_type", "filter_unsupported"]);
}

#[test]
fn long_and_deep_filters_end_in_a_problem_and_not_in_a_crash() {
    assert_eq!(refused(&format!("{}id = 1{}", "(".repeat(3_000), ")".repeat(3_000))).0, "filter_syntax");
    assert_eq!(refused(&"not ".repeat(1_000)).0, "filter_syntax");
    assert_eq!(refused(&format!("id{}", " is null".repeat(2_000))).0, "filter_syntax");
    assert_eq!(refused(&format!("id = 1{}", " or id = 1".repeat(1_900))).0, "filter_syntax");
    let long = format!("id = 0 or id = {}", (1..300).map(|n| n.to_string()).collect::<Vec<_>>().join(" or id = "));
    assert!(matches!(read(&long), Filter::Or(parts) if parts.len() == 300));
    let list = (0..3_000).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    assert!(matches!(read(&format!("id in ({list})")), Filter::In { values, .. } if values.len() == 3_000));
}

#[test]
fn filters_that_mean_the_same_have_one_canonical_form() {
    for (a, b) in [
        ("status in ('a', 'b')", "status = 'b' or status = 'a'"),
        ("amount between 1 and 2.0", "amount <= 2 and amount >= 1"),
        ("active", "active = true"),
        ("not active", "active = false"),
        ("sold_on < '2026-01-01'", "sold_on <= '2025-12-31'"),
        ("id > 5", "id >= 6"),
        ("Label <> 'x'", "Label is distinct from 'x'"),
        ("not (status = 'a' and amount > 1)", "status <> 'a' or amount <= 1"),
        ("id = 1 and (status = 'a' and active)", "active and id = 1 and status = 'a'"),
        ("not (not (id = 1))", "id = 1"),
        ("id in (1)", "id = 1"),
        ("status not in ('a','b')", "not (status = 'a' or status = 'b')"),
    ] {
        assert_eq!(canonical(&read(a), &columns()), canonical(&read(b), &columns()), "{a} | {b}");
    }
    for (a, b) in [
        ("status <> 'x'", "status is distinct from 'x'"),
        ("amount > 5", "amount >= 6"),
        ("status = 'a' or active", "status = 'a' and active"),
    ] {
        assert_ne!(canonical(&read(a), &columns()), canonical(&read(b), &columns()), "{a} | {b}");
    }
}

#[test]
fn a_relative_moment_becomes_absolute_as_its_column_needs() {
    let now = "2026-03-31T10:30:00Z".parse().unwrap();
    let at = |text: &str| render(&at_time(&read(text), now, &columns()));
    assert_eq!(at("updated_at > now() - interval '1 month'"), "updated_at > '2026-02-28T10:30:00Z'");
    assert_eq!(at("seen_at > now() - interval '2 hours'"), "seen_at > '2026-03-31T08:30:00'");
    assert_eq!(at("sold_on >= current_date - 7"), "sold_on >= '2026-03-24'");
    assert_eq!(at("updated_at >= current_date"), "updated_at >= '2026-03-31T00:00:00Z'");
    assert_eq!(at("updated_at > now() - interval '2000 years'"), "updated_at > '0026-03-31T10:30:00Z'");
}

// A row for the meaning of filters: three-valued, as in SQL.
#[derive(Clone, Debug)]
struct Sample {
    id: i64,
    amount: Option<i64>,
    status: Option<String>,
    active: Option<bool>,
    sold_on: Option<String>,
}

fn value(row: &Sample, column: &str) -> Option<String> {
    match column {
        "id" => Some(format!("{:05}", row.id + 1_000)),
        "amount" => row.amount.map(|amount| format!("{:05}", amount + 1_000)),
        "status" => row.status.clone(),
        "active" => row.active.map(|flag| flag.to_string()),
        "sold_on" => row.sold_on.clone(),
        other => panic!("{other}"),
    }
}

fn constant(literal: &Literal) -> String {
    match literal {
        Literal::Boolean(flag) => flag.to_string(),
        Literal::Number(number) => format!("{:05}", number.parse::<i64>().unwrap() + 1_000),
        Literal::Text(text) | Literal::Date(text) => text.clone(),
        other => panic!("{other:?}"),
    }
}

fn compared(a: Option<&str>, op: Comparison, b: Option<&str>) -> Option<bool> {
    match op {
        Comparison::DistinctFrom => return Some(a != b),
        Comparison::NotDistinctFrom => return Some(a == b),
        _ => {}
    }
    let (a, b) = (a?, b?);
    Some(match op {
        Comparison::Equal => a == b,
        Comparison::NotEqual => a != b,
        Comparison::Less => a < b,
        Comparison::LessOrEqual => a <= b,
        Comparison::Greater => a > b,
        _ => a >= b,
    })
}

fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let parts: Vec<Option<bool>> = parts.collect();
    if parts.contains(&Some(false)) {
        Some(false)
    } else {
        parts.into_iter().all(|part| part.is_some()).then_some(true)
    }
}

fn holds(filter: &Filter, row: &Sample) -> Option<bool> {
    let flip = |truth: Option<bool>, negated: bool| truth.map(|truth| truth != negated);
    match filter {
        Filter::Compare { left, op, right } => {
            let side = |operand: &Operand| match operand {
                Operand::Column(name) => value(row, name),
                Operand::Literal(literal) => Some(constant(literal)),
            };
            compared(side(left).as_deref(), *op, side(right).as_deref())
        }
        Filter::In { column, values, negated } => {
            let value = value(row, column);
            let misses =
                values.iter().map(|item| compared(value.as_deref(), Comparison::NotEqual, Some(&constant(item))));
            flip(all(misses), !*negated)
        }
        Filter::Between { column, low, high, negated } => {
            let value = value(row, column);
            let bounds = [
                compared(value.as_deref(), Comparison::GreaterOrEqual, Some(&constant(low))),
                compared(value.as_deref(), Comparison::LessOrEqual, Some(&constant(high))),
            ];
            flip(all(bounds.into_iter()), *negated)
        }
        Filter::IsNull { column, negated } => Some(value(row, column).is_none() != *negated),
        Filter::Like { column, pattern, negated, .. } => {
            flip(value(row, column).map(|value| value == *pattern), *negated)
        }
        Filter::And(parts) => all(parts.iter().map(|part| holds(part, row))),
        Filter::Or(parts) => flip(all(parts.iter().map(|part| flip(holds(part, row), true))), true),
        Filter::Not(part) => flip(holds(part, row), true),
    }
}

fn any_op() -> impl Strategy<Value = Comparison> {
    prop::sample::select(vec![
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
        Comparison::DistinctFrom,
        Comparison::NotDistinctFrom,
    ])
}

fn any_constant() -> impl Strategy<Value = (String, Literal)> {
    prop_oneof![
        (-3_i64..4).prop_map(|n| ("id".to_owned(), Literal::Number(n.to_string()))),
        (-3_i64..4).prop_map(|n| ("amount".to_owned(), Literal::Number(n.to_string()))),
        "[ab'\"\\\\é]{0,2}".prop_map(|text| ("status".to_owned(), Literal::Text(text))),
        any::<bool>().prop_map(|flag| ("active".to_owned(), Literal::Boolean(flag))),
        (1_u32..29).prop_map(|day| ("sold_on".to_owned(), Literal::Date(format!("2026-01-{day:02}")))),
    ]
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![
        4 => (any_constant(), any_op()).prop_map(|((column, value), op)| Filter::Compare {
            left: Operand::Column(column), op, right: Operand::Literal(value)
        }),
        1 => (any_constant(), any::<bool>()).prop_map(|((column, _), negated)| Filter::IsNull { column, negated }),
        1 => (prop::collection::vec(-3_i64..4, 1..4), any::<bool>()).prop_map(|(values, negated)| Filter::In {
            column: "amount".to_owned(),
            values: values.into_iter().map(|n| Literal::Number(n.to_string())).collect(),
            negated,
        }),
        1 => (-3_i64..4, -3_i64..4, any::<bool>()).prop_map(|(low, high, negated)| Filter::Between {
            column: "id".to_owned(),
            low: Literal::Number(low.to_string()),
            high: Literal::Number(high.to_string()),
            negated,
        }),
        1 => ("[ab]{0,2}", any::<bool>()).prop_map(|(pattern, negated)| Filter::Like {
            column: "status".to_owned(), pattern, insensitive: false, negated
        }),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| flat(parts, true)),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| flat(parts, false)),
            inner.prop_map(|part| Filter::Not(Box::new(part))),
        ]
    })
}

/// Joined as the parser joins: chains of one word are flat.
fn flat(parts: Vec<Filter>, and: bool) -> Filter {
    let parts = parts.into_iter().flat_map(|part| match part {
        Filter::And(inner) if and => inner,
        Filter::Or(inner) if !and => inner,
        other => vec![other],
    });
    if and { Filter::And(parts.collect()) } else { Filter::Or(parts.collect()) }
}

fn any_row() -> impl Strategy<Value = Sample> {
    (
        -3_i64..4,
        prop::option::of(-3_i64..4),
        prop::option::of("[ab]{0,2}"),
        prop::option::of(any::<bool>()),
        prop::option::of(1_u32..29),
    )
        .prop_map(|(id, amount, status, active, day)| Sample {
            id,
            amount,
            status,
            active,
            sold_on: day.map(|day| format!("2026-01-{day:02}")),
        })
}

proptest! {
    #[test]
    fn what_is_rendered_reads_back_the_same(filter in any_filter()) {
        let text = render(&filter);
        prop_assert_eq!(parse(&text, &columns(), ""), Ok(filter), "{}", text);
    }

    #[test]
    fn the_canonical_form_keeps_the_meaning_and_is_its_own(filter in any_filter(), row in any_row()) {
        let canonical_filter = canonical(&filter, &columns());
        prop_assert_eq!(holds(&canonical_filter, &row), holds(&filter, &row), "{}", render(&filter));
        prop_assert_eq!(canonical(&canonical_filter, &columns()), canonical_filter);
    }

    #[test]
    fn foreign_text_never_panics(text in "\\PC{0,60}") {
        let _ = parse(&text, &columns(), "");
    }

    #[test]
    fn text_made_of_the_languages_own_words_never_panics(
        words in prop::collection::vec(prop::sample::select(vec![
            "status", "id", "amount", "active", "sold_on", "=", "<>", "<", "and", "or", "not", "in", "(", ")", ",",
            "'a'", "1", "-", "null", "is", "between", "like", "now()", "current_date", "interval", "'1 day'", "distinct",
            "from", "select", "\"", "'", "case", "when", "escape", "date", "true", "::", "*", ".", "%",
        ]), 0..14)
    ) {
        let text = words.join(" ");
        if let Ok(filter) = parse(&text, &columns(), "") {
            prop_assert_eq!(parse(&render(&filter), &columns(), ""), Ok(filter.clone()), "{}", render(&filter));
        }
    }
}
