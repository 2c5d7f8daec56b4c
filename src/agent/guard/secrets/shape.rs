//! Credentials that are known by their shape alone.

use std::sync::LazyLock;

use regex::Regex;

use super::{Finding, pattern};

/// Kind and pattern. Where a pattern has a group, the group is the secret; otherwise all of it is.
const SHAPES: &[(&str, &str)] = &[
    (
        "private key",
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
    ),
    ("private key", r"PuTTY-User-Key-File-\d[\s\S]*?(?:Private-MAC:\s*\w+|\z)"),
    ("AWS key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    ("Google key", r"\bAIza[0-9A-Za-z_\-]{35}"),
    ("Google token", r"\bya29\.[0-9A-Za-z_\-.]{20,}"),
    ("Google token", r"\b1//0[0-9A-Za-z_\-]{20,}"),
    ("Google client secret", r"\bGOCSPX-[0-9A-Za-z_\-]{20,}"),
    ("Azure key", r"\b[A-Za-z0-9+/]{86}=="),
    ("Azure client secret", r"(?:^|[^\w~.\-])([\w~.\-]{3}[78]Q~[\w~.\-]{31,34})"),
    ("Slack token", r"\bxox[abeoprs]-[0-9A-Za-z\-]{10,}"),
    ("Slack token", r"\bxapp-\d-[0-9A-Za-z\-]{10,}"),
    ("GitHub token", r"\bgh[opusr]_[0-9A-Za-z]{30,}"),
    ("GitHub token", r"\bgithub_pat_[0-9A-Za-z_]{22,}"),
    ("GitLab token", r"\bgl(?:pat|dt|rt|cbt|ptt|soat|agent)-[0-9A-Za-z_\-]{16,}"),
    ("Stripe key", r"\b(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{10,}"),
    ("Stripe key", r"\bwhsec_[0-9A-Za-z+/=]{16,}"),
    ("model key", r"\bsk-(?:proj-|svcacct-|admin-|ant-|or-)?[0-9A-Za-z_\-]{20,}"),
    ("model key", r"\b(?:hf|gsk|r8|xai|pplx)[_\-][0-9A-Za-z]{28,}"),
    ("Databricks token", r"\bdapi[0-9a-f]{32}(?:-\d)?\b"),
    ("SendGrid key", r"\bSG\.[0-9A-Za-z_\-]{16,}\.[0-9A-Za-z_\-]{16,}"),
    ("Twilio key", r"\bSK[0-9a-f]{32}\b"),
    ("Shopify token", r"\bshp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}"),
    ("HubSpot token", r"\bpat-(?:na|eu|ap)\d-[0-9a-f]{8}-[0-9a-f\-]{27}"),
    ("Airtable token", r"\bpat[0-9A-Za-z]{14}\.[0-9a-f]{64}"),
    ("Notion token", r"\b(?:secret_[0-9A-Za-z]{40,}|ntn_[0-9A-Za-z]{40,})"),
    ("Atlassian token", r"\bATATT3[0-9A-Za-z_\-=]{40,}"),
    ("Linear key", r"\blin_api_[0-9A-Za-z]{32,}"),
    ("npm token", r"\bnpm_[0-9A-Za-z]{30,}"),
    ("PyPI token", r"\bpypi-[0-9A-Za-z_\-]{40,}"),
    ("Vault token", r"\bhv[sbr]\.[0-9A-Za-z_\-]{20,}"),
    ("DigitalOcean token", r"\bdo[opr]_v1_[0-9a-f]{40,}"),
    ("Telegram token", r"\b\d{8,10}:AA[0-9A-Za-z_\-]{32,}"),
    ("Mailgun key", r"\bkey-[0-9a-f]{32}\b"),
    ("New Relic key", r"\bNRAK-[0-9A-Z]{27}\b"),
    ("Grafana token", r"\bgl(?:sa|c)_[0-9A-Za-z_+/=]{30,}"),
    ("PlanetScale token", r"\bpscale_(?:pw|tkn|oauth)_[0-9A-Za-z_\-.]{30,}"),
    ("Supabase key", r"\bsb(?:p|_secret|_publishable)_[0-9A-Za-z_\-]{20,}"),
    ("Fivetran or Confluent key", r"\bcflt[0-9A-Za-z+/]{50,}"),
    ("Towpath key", r"\btp_[0-9A-Za-z_\-]{24,}"),
    ("signed token", r"\beyJ[0-9A-Za-z_\-]{8,}\.eyJ[0-9A-Za-z_\-]{8,}(?:\.[0-9A-Za-z_\-]*)?"),
    ("bearer token", r"(?i)\bbearer\s+([0-9a-z_\-.~+/]{12,}=*)"),
    (
        "authorization",
        r"(?i)\bauthorization['\x22]?\s*[:=]\s*['\x22]?(?:basic|digest|token|apikey|negotiate)\s+([0-9a-z_\-.~+/]{8,}=*)",
    ),
    ("signature", r"(?i)[?&](?:sig|x-amz-signature|x-goog-signature|x-amz-security-token)=([0-9a-z%+/_\-]{16,}=*)"),
];

static COMPILED: LazyLock<Vec<(&'static str, Regex)>> =
    LazyLock::new(|| SHAPES.iter().map(|(kind, text)| (*kind, pattern(text))).collect());

pub(super) fn find(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (kind, shape) in COMPILED.iter() {
        for captures in shape.captures_iter(text) {
            if let Some(secret) = captures.get(1).or_else(|| captures.get(0)) {
                findings.push(Finding { span: secret.range(), kind });
            }
        }
    }
    findings
}
