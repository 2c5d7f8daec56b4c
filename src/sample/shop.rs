//! The shop's tables and their rows.

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use rusqlite::{Connection, Transaction, params};

use super::dice::Dice;
use super::names::{CATEGORIES, MANNERS, NOTES, PLACES, THINGS};

const CUSTOMERS: i64 = 20_000;
const PRODUCTS: i64 = 2_000;
const ORDERS: i64 = 60_000;

/// The shop opened on 2023-06-01 and was last written to on 2025-11-01, in seconds since 1970.
const OPENED: i64 = 1_685_577_600;
const CLOSED: i64 = 1_761_955_200;

/// Rows between two reports.
const REPORTED: i64 = 5_000;

const TABLES: &str = "
create table customers (
    customer_id INTEGER primary key,
    email VARCHAR(120) not null unique,
    full_name TEXT not null,
    phone VARCHAR(32),
    status VARCHAR(16) not null,
    country CHAR(2) not null,
    city TEXT,
    birth_date DATE,
    marketing_consent BOOLEAN not null,
    credit_limit DECIMAL(12,2),
    note TEXT,
    created_at TIMESTAMPTZ not null,
    updated_at TIMESTAMPTZ not null
);
create table products (
    product_id INTEGER primary key,
    sku VARCHAR(16) not null unique,
    title TEXT not null,
    category TEXT,
    price DECIMAL(12,2) not null,
    weight_kg REAL,
    attributes JSON,
    updated_at TIMESTAMPTZ
);
create table orders (
    order_id INTEGER primary key,
    customer_id INTEGER not null references customers (customer_id),
    status VARCHAR(16) not null,
    total_amount DECIMAL(12,2) not null,
    currency CHAR(3) not null,
    coupon TEXT,
    placed_at TIMESTAMPTZ not null,
    shipped_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ not null
);
create table order_items (
    order_id INTEGER not null references orders (order_id),
    line_no INTEGER not null,
    product_id INTEGER not null references products (product_id),
    quantity INTEGER not null,
    unit_price DECIMAL(12,2) not null,
    discount DECIMAL(5,4),
    primary key (order_id, line_no)
);
";

const INDEXES: &str = "
create index customers_updated_at on customers (updated_at);
create index products_updated_at on products (updated_at);
create index orders_updated_at on orders (updated_at);
create index orders_customer_id on orders (customer_id);
";

pub(super) fn fill(
    connection: &mut Connection,
    seed: u64,
    progress: &mut dyn FnMut(&str, u64),
) -> rusqlite::Result<Vec<(&'static str, u64)>> {
    let mut dice = Dice::new(seed);
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    let customers = customers(&transaction, &mut dice, progress)?;
    let (products, prices) = products(&transaction, &mut dice, progress)?;
    let (orders, items) = orders(&transaction, &mut dice, &prices, progress)?;
    transaction.execute_batch(INDEXES)?;
    transaction.commit()?;
    connection.execute_batch("analyze")?;
    Ok(vec![("customers", customers), ("products", products), ("orders", orders), ("order_items", items)])
}

/// Cents as exact text.
fn money(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100)
}

/// Microseconds since 1970 as the shop writes moments. Written out digit by digit: half a million of them are made while a
/// newcomer waits.
fn moment(micros: i64) -> String {
    let at: DateTime<Utc> = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    let mut text = b"0000-00-00 00:00:00.000000+00:00".to_vec();
    let mut put = |place: usize, width: usize, mut number: u32| {
        for digit in text.iter_mut().skip(place).take(width).rev() {
            *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
        }
    };
    put(0, 4, at.year().unsigned_abs());
    put(5, 2, at.month());
    put(8, 2, at.day());
    put(11, 2, at.hour());
    put(14, 2, at.minute());
    put(17, 2, at.second());
    put(20, 6, at.timestamp_subsec_micros());
    String::from_utf8(text).unwrap_or_default()
}

fn some_moment(dice: &mut Dice) -> i64 {
    dice.between(OPENED, CLOSED - 1) * 1_000_000 + dice.below(1_000_000)
}

/// When a row made at `made` was last changed: mostly soon, sometimes months later.
fn changed(dice: &mut Dice, made: i64) -> i64 {
    let span = match dice.below(10) {
        0..4 => 0,
        4..8 => dice.below(86_400_000_000),
        _ => dice.below(CLOSED * 1_000_000 - made),
    };
    (made + span).min(CLOSED * 1_000_000)
}

fn report(progress: &mut dyn FnMut(&str, u64), table: &str, rows: i64) {
    progress(table, u64::try_from(rows).unwrap_or_default());
}

fn customers(
    transaction: &Transaction<'_>,
    dice: &mut Dice,
    progress: &mut dyn FnMut(&str, u64),
) -> rusqlite::Result<u64> {
    let mut insert =
        transaction.prepare("insert into customers values (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)")?;
    // An import touched these at one moment: a tie wider than most batches.
    let imported = moment((CLOSED - 40 * 86_400) * 1_000_000);
    for id in 1..=CUSTOMERS {
        let at = usize::try_from(dice.skewed(i64::try_from(PLACES.len()).unwrap_or(1))).unwrap_or_default();
        let Some(place) = PLACES.get(at) else { continue };
        let (given, family) = (dice.pick(place.given).unwrap_or_default(), dice.pick(place.family).unwrap_or_default());
        let name = if place.family_first { format!("{family}{given}") } else { format!("{given} {family}") };
        let name = if dice.once_in(200) { format!("{name} 🛶") } else { name };
        let made = some_moment(dice);
        let updated = moment(changed(dice, made));
        let phone = (!dice.once_in(5)).then(|| format!("+{:02} {:09}", dice.between(1, 99), dice.below(1_000_000_000)));
        let birth = (!dice.once_in(4)).then(|| {
            let days = i32::try_from(dice.between(-10_000, 13_500)).unwrap_or_default();
            chrono::NaiveDate::from_epoch_days(days).unwrap_or_default().to_string()
        });
        let status = match dice.below(20) {
            0 => "blocked",
            1..4 => "inactive",
            _ => "active",
        };
        let credit = dice.once_in(3).then(|| money(dice.between(0, 99_999_999)));
        insert.execute(params![
            id,
            format!("customer{id}@{}.example", place.country.to_lowercase()),
            name,
            phone,
            status,
            place.country,
            if dice.once_in(10) { None } else { dice.pick(place.cities) },
            birth,
            dice.once_in(2),
            credit,
            if dice.once_in(6) { dice.pick(NOTES) } else { None },
            moment(made),
            if (8_001..=10_500).contains(&id) { &imported } else { &updated },
        ])?;
        if id % REPORTED == 0 {
            report(progress, "customers", id);
        }
    }
    Ok(CUSTOMERS.unsigned_abs())
}

/// Also the prices, by product.
fn products(
    transaction: &Transaction<'_>,
    dice: &mut Dice,
    progress: &mut dyn FnMut(&str, u64),
) -> rusqlite::Result<(u64, Vec<i64>)> {
    let mut insert = transaction.prepare("insert into products values (?1,?2,?3,?4,?5,?6,?7,?8)")?;
    let mut prices = Vec::new();
    for id in 1..=PRODUCTS {
        let title = format!("{} {}", dice.pick(MANNERS).unwrap_or_default(), dice.pick(THINGS).unwrap_or_default());
        let cents = dice.skewed(40_000) + 49;
        prices.push(cents);
        let weight =
            (!dice.once_in(8)).then(|| f64::from(i32::try_from(dice.between(1, 20_000)).unwrap_or(1)) / 1000.0);
        let attributes = (!dice.once_in(5)).then(|| {
            let size = dice.pick(&["S", "M", "L", "½ l"]).unwrap_or_default();
            format!(
                "{{\"size\": \"{size}\", \"parts\": [{}, null], \"margin\": 0.{:03}}}",
                dice.below(9),
                dice.below(1000)
            )
        });
        // Products that were never changed since the shop opened have no such moment.
        let updated = (!dice.once_in(12)).then(|| {
            let made = some_moment(dice);
            moment(changed(dice, made))
        });
        let category = if dice.once_in(15) { None } else { dice.pick(CATEGORIES) };
        insert.execute(params![
            id,
            format!("TP-{id:05}"),
            title,
            category,
            money(cents),
            weight,
            attributes,
            updated
        ])?;
    }
    report(progress, "products", PRODUCTS);
    Ok((PRODUCTS.unsigned_abs(), prices))
}

/// Orders and the lines of each, so that every total is the sum of its lines.
fn orders(
    transaction: &Transaction<'_>,
    dice: &mut Dice,
    prices: &[i64],
    progress: &mut dyn FnMut(&str, u64),
) -> rusqlite::Result<(u64, u64)> {
    let mut insert = transaction.prepare("insert into orders values (?1,?2,?3,?4,?5,?6,?7,?8,?9)")?;
    let mut add = transaction.prepare("insert into order_items values (?1,?2,?3,?4,?5,?6)")?;
    let mut items = 0_i64;
    for id in 1..=ORDERS {
        let placed = some_moment(dice);
        let status = match dice.below(20) {
            0 => "cancelled",
            1..3 => "returned",
            3..6 => "paid",
            6..8 => "new",
            _ => "shipped",
        };
        let mut lines = Vec::new();
        let mut total = 0;
        for _ in 0..=dice.skewed(7) {
            let product = dice.skewed(PRODUCTS);
            let price = usize::try_from(product).ok().and_then(|index| prices.get(index)).copied().unwrap_or(100);
            let quantity = 1 + dice.skewed(5);
            // In ten-thousandths; only discounts that leave whole cents of a line.
            let line = price * quantity;
            let discount = if dice.once_in(6) { dice.pick(&[500_i64, 1000, 1250, 2500]) } else { None };
            let discount = discount.filter(|discount| line * discount % 10_000 == 0);
            total += line - line * discount.unwrap_or_default() / 10_000;
            lines.push((product + 1, quantity, price, discount));
        }
        let shipped = (status == "shipped" || status == "returned")
            .then(|| moment((placed + dice.between(3_600, 400_000) * 1_000_000).min(CLOSED * 1_000_000)));
        let coupon = if dice.once_in(9) { dice.pick(&["SPRING", "été-25", "🎁", "10%OFF"]) } else { None };
        let currency = dice.pick(CURRENCIES).unwrap_or("EUR");
        let updated = moment(changed(dice, placed));
        let customer = dice.between(1, CUSTOMERS);
        insert.execute(params![
            id,
            customer,
            status,
            money(total),
            currency,
            coupon,
            moment(placed),
            shipped,
            updated
        ])?;
        for (number, (product, quantity, price, discount)) in (1_i64..).zip(lines) {
            let discount = discount.map(|discount| format!("0.{discount:04}"));
            add.execute(params![id, number, product, quantity, money(price), discount])?;
            items += 1;
        }
        if id % REPORTED == 0 {
            report(progress, "orders", id);
            report(progress, "order_items", items);
        }
    }
    Ok((ORDERS.unsigned_abs(), items.unsigned_abs()))
}

const CURRENCIES: &[&str] = &["EUR", "EUR", "EUR", "GBP", "USD", "PLN", "INR", "JPY"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_chrono_writes_them() {
        for micros in [0, 1, 1_685_577_600_123_456, 1_761_955_199_999_999] {
            let at: DateTime<Utc> = DateTime::from_timestamp_micros(micros).unwrap();
            assert_eq!(moment(micros), at.format("%Y-%m-%d %H:%M:%S%.6f+00:00").to_string());
        }
        assert_eq!(money(5), "0.05");
    }
}
