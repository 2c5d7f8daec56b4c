use super::*;

/// Text, what must be gone, what must stay.
const SECRETS: &[(&str, &str, &str)] = &[
    (
        "connect to postgres://app:Tr0ub4dor&3@db.internal:5432/shop and copy orders",
        "Tr0ub4dor&3",
        "postgres://app:[redacted]@db.internal:5432/shop and copy orders",
    ),
    ("mysql://root:p@ss/w0rd@10.0.0.5:3306/legacy", "p@ss/w0rd", "mysql://root:[redacted]@10.0.0.5:3306/legacy"),
    (
        "mongodb+srv://etl:qwe%40rty@cluster0.ab1.mongodb.net/?retryWrites=true",
        "qwe%40rty",
        "@cluster0.ab1.mongodb.net/?retryWrites=true",
    ),
    ("redis://:onlypassword@cache:6379/0", "onlypassword", "redis://:[redacted]@cache:6379/0"),
    ("postgresql+psycopg2://u:s3cr3t@h/db?application_name=a@b", "s3cr3t", "@h/db?application_name=a@b"),
    ("amqp://guest:12345@mq:5672", "12345", "amqp://guest:[redacted]@mq:5672"),
    ("use app:Tr0ub4dor&3@db.internal:5432/shop", "Tr0ub4dor", "@db.internal:5432/shop"),
    ("jdbc:oracle:thin:scott/tiger42@//ora:1521/x", "tiger42", "@//ora:1521/x"),
    ("jdbc:mysql://h:3306/db?user=root&password=hunter2&useSSL=false", "hunter2", "&useSSL=false"),
    (
        "jdbc:sqlserver://h:1433;databaseName=x;user=sa;password=My Pass Word1;encrypt=true",
        "My Pass Word1",
        ";encrypt=true",
    ),
    ("host=db port=5432 user=app password=s3cret dbname=shop", "s3cret", "dbname=shop"),
    ("host=db password='it is s3cret' dbname=shop", "it is s3cret", "dbname=shop"),
    ("Server=tcp:x.database.windows.net;User ID=sa;Password=Abc;def=1;Encrypt=True", "Password=Abc", "Encrypt=True"),
    ("DRIVER={ODBC Driver 18};SERVER=h;UID=sa;PWD={pa;ss1 x}", "pa;ss1", "SERVER=h"),
    ("DRIVER={ODBC Driver 18};SERVER=h;UID=sa;PWD=yoLo99;Database=x", "yoLo99", "Database=x"),
    ("{\"user\": \"app\", \"password\": \"hunter2\"}", "hunter2", "\"app\""),
    ("password: hunter2", "hunter2", "password: [redacted]"),
    ("PGPASSWORD=hunter2 psql -h db", "hunter2", "psql -h db"),
    (
        "export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "wJalrXUtnFEMI",
        "export AWS_SECRET_ACCESS_KEY=",
    ),
    ("aws key AKIAIOSFODNN7EXAMPLE please", "AKIAIOSFODNN7EXAMPLE", "please"),
    ("my secret is wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI", "my secret is"),
    ("key AIzaSyA1234567890abcdefghijklmnopqrstuvw for maps", "AIzaSyA123", "for maps"),
    (
        "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYg==;EndpointSuffix=core.windows.net",
        "Zm9vYmFy",
        "EndpointSuffix=core.windows.net",
    ),
    ("https://acc.blob.core.windows.net/c?sv=2022-11-02&sig=abcDEF123%2Bxyz456789%3D&se=2027", "abcDEF123", "&se=2027"),
    ("slack xoxb-123456789012-abcdefABCDEF is the bot", "xoxb-123456789012", "is the bot"),
    (
        "post to https://hooks.slack.com/services/T00000000/B00000000/XXXXabcdXXXX1234",
        "B00000000",
        "https://hooks.slack.com/services/",
    ),
    ("ghp_abcdefghijklmnopqrstuvwxyz0123456789 for the repo", "ghp_abcdef", "for the repo"),
    ("github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz", "github_pat_11", ""),
    ("stripe sk_live_4eC39HqLyjWDarjtT1zdp7dc into duckdb", "sk_live_4eC39", "into duckdb"),
    ("openai sk-proj-abcdEFGH1234ijklMNOP5678", "sk-proj-abcd", "openai"),
    ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P", "eyJzdWIi", "token"),
    ("Authorization: Bearer abcdef1234567890ABCDEF", "abcdef1234567890", "Authorization: Bearer [redacted]"),
    ("authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz", "Basic"),
    (
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----\nthen copy orders",
        "MIIEabc",
        "then copy orders",
    ),
    (
        "{\"type\":\"service_account\",\"private_key\":\"-----BEGIN PRIVATE KEY-----\\nMIIEv\\n-----END PRIVATE KEY-----\\n\",\"client_email\":\"x@y.iam\"}",
        "MIIEv",
        "\"client_email\":\"x@y.iam\"",
    ),
    ("the password is hunter2.", "hunter2", "the password is [redacted]."),
    ("the db password for app is correcthorse", "correcthorse", "the db password for app is"),
    ("das passwort ist Geheim123, kopiere bestellungen", "Geheim123", "kopiere bestellungen"),
    ("el password es S3creto", "S3creto", "el password es"),
    ("la contraseña es clave99", "clave99", "la contraseña es"),
    ("le mot de passe est s3same", "s3same", "le mot de passe est"),
    ("log in with user app and password S3cure!pw", "S3cure!pw", "log in with user app and password"),
    ("user/password: app / S3cure!pw", "S3cure!pw", ""),
    ("login as admin:hunter22", "hunter22", ""),
    ("mysql -u root -pS3cret99 shop", "S3cret99", "shop"),
    ("sshpass -p s3cret ssh host", "s3cret ", "ssh host"),
    ("curl -u admin:s3cret https://x.y/z", "s3cret", "https://x.y/z"),
    ("tool --password hunter2 --host db", "hunter2", "--host db"),
    ("create user app identified by 'Passw0rd'", "Passw0rd", "create user app"),
    ("alter user app with encrypted password 'abc'", "'abc'", "alter user app"),
    ("db.internal:5432:shop:app:hunter2", "hunter2", "db.internal:5432:shop:app:"),
    ("api_key = 0123456789abcdef0123456789abcdef", "0123456789abcdef", "api_key ="),
    ("token: 9f8a7b6c5d4e3f2a1b0c", "9f8a7b6c5d4e", "token:"),
    (
        "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\"k\" password=\"kafka-secret\";",
        "kafka-secret",
        "username=\"k\"",
    ),
    ("hubspot pat-na1-01234567-89ab-cdef-0123-456789abcdef", "pat-na1-0123", "hubspot"),
    ("snowflake private_key_passphrase='open sesame'", "open sesame", "snowflake"),
    ("refresh_token=1//0abcdefghijklmnopqrstuvwxyz", "1//0abc", "refresh_token="),
    ("dapi0123456789abcdef0123456789abcdef", "dapi0123", ""),
];

/// Nothing in these is a secret.
const PLAIN: &[&str] = &[
    "Transfer all data from my PostgreSQL customers table to BigQuery dataset sales_data",
    "copy public.orders_2026_01_15 from shop_pg to analytics_bq every day at 2:00 UTC",
    "run it at 0 2 * * * and */15 9-17 * * 1-5",
    "row 550e8400-e29b-41d4-a716-446655440000 is missing",
    "commit 4f2a1c9e8b7d6a5f4e3d2c1b0a9f8e7d6c5b4a39 broke it",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "mail the report to jane.doe+etl@example.com",
    "cc:joe@example.com and mailto:ann@example.org",
    "FATAL: password authentication failed for user \"app\"",
    "Access denied for user 'app'@'10.0.0.4' (using password: YES)",
    "mask the password column with hash and exclude api_key",
    "load users without password_hash, mask {password: hash, token: redact}",
    "copy the password_reset_tokens and access_tokens tables",
    "the password is wrong, what now?",
    "the password is not stored here",
    "the token is expired",
    "password: <your password>",
    "password=*** host=db",
    "password=${DB_PASSWORD}",
    "postgres://app:[redacted]@db:5432/shop",
    "postgres://db.internal:5432/shop and https://example.com:8443/path?x=a@b.c",
    "http://localhost:11434/v1",
    "s3://bucket/raw/orders/2026/01/01/part-0001.parquet",
    "where status = 'active' and updated_at >= '2026-01-01'",
    "primary key: order_id, cursor: updated_at",
    "key: [customer_id]",
    "primary_key=customer_id sort_key=updated_at",
    "docker.io/library/postgres:15@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "git@github.com:towpath/towpath.git",
    "SyntaxError: Unexpected token: } at position 42",
    "JWT token expired at 2026-11-20T12:00:00Z",
    "ERROR: replication slot \"towpath_orders\" does not exist (SQLSTATE 42704)",
    "sslkey=/etc/ssl/client.key sslcert=/etc/ssl/client.crt",
    "filter token = 'active'",
    "column secret text not null",
    "yes, replace customers",
    "why did run 01932b7e-2f4a-7c1d-9e8f-0123456789ab fail?",
    "Invalid OAuth access token.",
    "AADSTS700082: The refresh token has expired due to inactivity.",
    "io.grpc.StatusRuntimeException: UNAUTHENTICATED: Request had invalid authentication credentials.",
    "the credentials are stored in the vault",
    "credentials: ok",
    "Bearer error=\"invalid_token\"",
    "ORA-01017: invalid username/password; logon denied",
    "user: joe@example.com",
    "copy the secret_santa table to the lake",
    "what is the api key for?",
    "is the password column indexed?",
    "token bucket limits, tokens per minute",
    "postgres:15.18-alpine3.20@shop",
    "my pipeline orders-to-lake-v2 runs at 07:30",
];

#[test]
fn secrets_are_taken_out_and_the_rest_stays() {
    let mut wrong = Vec::new();
    for (text, secret, stays) in SECRETS {
        let clean = redact(text);
        if clean.text.contains(secret) || !clean.text.contains(stays) || clean.kinds.is_empty() {
            wrong.push(format!("{text}\n  -> {} {:?}", clean.text, clean.kinds));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_no_secret_stays_untouched() {
    let mut wrong = Vec::new();
    for text in PLAIN {
        let clean = redact(text);
        if clean.text != *text || !clean.kinds.is_empty() {
            wrong.push(format!("{text}\n  -> {} {:?}", clean.text, clean.kinds));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_second_pass_finds_nothing() {
    for (text, ..) in SECRETS {
        let once = redact(text);
        let twice = redact(&once.text);
        assert_eq!(twice.text, once.text, "of {text}");
        assert!(twice.kinds.is_empty(), "of {text}: {:?}", twice.kinds);
    }
}

proptest::proptest! {
    #[test]
    fn no_input_panics(text in "\\PC{0,200}") {
        redact(&text);
    }

    #[test]
    fn a_password_in_an_address_never_survives(password in "[A-Za-z][A-Za-z0-9!$&*+=_~.,-]{5,30}[0-9]") {
        let text = format!("connect to postgres://app:{password}@db.internal:5432/shop now");
        let clean = redact(&text).text;
        proptest::prop_assert!(!clean.contains(&password), "{}", clean);
        proptest::prop_assert!(clean.contains("@db.internal:5432/shop now"), "{}", clean);
    }

    #[test]
    fn a_named_password_never_survives(password in "[A-Za-z0-9!$&*+=_~-]{6,30}[0-9]") {
        for text in [format!("password={password} host=db"), format!("\"password\": \"{password}\""), format!("the password is {password}")] {
            let clean = redact(&text).text;
            proptest::prop_assert!(!clean.contains(&password) , "{}", clean);
        }
    }
}
