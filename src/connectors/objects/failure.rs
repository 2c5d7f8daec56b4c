//! What an object store said, for a person. The services name their errors by codes inside XML; the codes are theirs, the
//! sentences ours. Codes: Amazon S3 API reference, “Error responses”; Azure Storage, “Blob service error codes”.

use std::error::Error as _;
use std::sync::LazyLock;

use regex::Regex;

use super::bucket::Bucket;
use crate::connectors::{ConnectorError, ErrorKind};

static CODE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("<Code>([A-Za-z0-9]+)</Code>").ok());
static STATUS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"status code: (\d{3})").ok());

/// What became of a call about `object` (the bucket itself when that is empty).
pub(super) fn of(bucket: &Bucket, object: &str, error: object_store::Error) -> ConnectorError {
    let said = said(&error);
    let mut code = capture(CODE.as_ref(), &said).unwrap_or_default();
    // The code alone does not tell a wrong key from a key that may not do this.
    if code == "AuthorizationFailure" && said.contains("failed to authenticate") {
        code = "AuthenticationFailed";
    }
    let status = capture(STATUS.as_ref(), &said).and_then(|digits| digits.parse().ok()).unwrap_or(0_u16);
    by_code(bucket, object, code)
        .or_else(|| by_variant(bucket, object, &error))
        .unwrap_or_else(|| by_status(bucket, status))
        .because(error)
}

fn capture<'a>(pattern: Option<&Regex>, text: &'a str) -> Option<&'a str> {
    Some(pattern?.captures(text)?.get(1)?.as_str())
}

/// Everything that an error and its causes say.
fn said(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push(' ');
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn by_code(bucket: &Bucket, object: &str, code: &str) -> Option<ConnectorError> {
    let (word, name) = (bucket.service.word, &bucket.name);
    let error = |kind, message: String| Some(ConnectorError::new(kind, message));
    match code {
        "NoSuchBucket" | "ContainerNotFound" => {
            error(ErrorKind::NotFound, format!("There is no {word} `{name}` at this service."))
                .map(|error| error.advise(format!("Check the {word}'s name, the region and the endpoint.")))
        }
        "ContainerBeingDeleted" | "ContainerDisabled" => {
            error(ErrorKind::Unreachable, format!("The {word} `{name}` is being deleted or is disabled."))
        }
        "InvalidBucketName" | "InvalidResourceName" | "InvalidContainerName" => {
            error(ErrorKind::Config, format!("`{name}` cannot be the name of a {word}."))
        }
        "AccessDenied"
        | "AllAccessDisabled"
        | "AuthorizationFailure"
        | "AuthorizationPermissionMismatch"
        | "AuthorizationServiceMismatch"
        | "AuthorizationResourceTypeMismatch"
        | "InsufficientAccountPermissions"
        | "PublicAccessNotPermitted" => Some(forbidden(bucket, object)),
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "AuthenticationFailed"
        | "InvalidAuthenticationInfo"
        | "NoAuthenticationInformation"
        | "InvalidSecurity"
        | "MissingSecurityHeader" => {
            error(ErrorKind::Auth, format!("The service refused the credential for {word} `{name}`."))
        }
        "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
            error(ErrorKind::Auth, format!("The temporary credential for {word} `{name}` has expired."))
                .map(|error| error.advise("Enter fresh credentials, or ones that do not expire."))
        }
        "RequestTimeTooSkewed" | "RequestExpired" => error(
            ErrorKind::Auth,
            "The service's clock and this machine's differ too much for signed requests.".to_owned(),
        )
        .map(|error| error.advise("Set this machine's clock.")),
        "AuthorizationHeaderMalformed"
        | "PermanentRedirect"
        | "IllegalLocationConstraintException"
        | "TemporaryRedirect" => error(ErrorKind::Config, format!("The {word} `{name}` is in another region."))
            .map(|error| error.advise("Set `region` to the bucket's own.")),
        "SlowDown"
        | "ServerBusy"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "RateLimitExceeded"
        | "rateLimitExceeded" => Some(throttled(bucket)),
        "NoSuchKey" | "BlobNotFound" | "NoSuchVersion" => {
            error(ErrorKind::NotFound, format!("`{}` is not there.", bucket.shown_object(object)))
        }
        "EntityTooLarge" | "QuotaExceeded" | "AccountLimitExceeded" => {
            error(ErrorKind::Exhausted, format!("The {word} `{name}` takes no more."))
        }
        _ => None,
    }
}

fn by_variant(bucket: &Bucket, object: &str, error: &object_store::Error) -> Option<ConnectorError> {
    use object_store::Error;
    let shown = bucket.shown_object(object);
    Some(match error {
        Error::NotFound { .. } if object.is_empty() => {
            let (word, name) = (bucket.service.word, &bucket.name);
            ConnectorError::new(ErrorKind::NotFound, format!("There is no {word} `{name}` at this service."))
                .advise(format!("Check the {word}'s name, the region and the endpoint."))
        }
        Error::NotFound { .. } => ConnectorError::new(ErrorKind::NotFound, format!("`{shown}` is not there.")),
        Error::PermissionDenied { .. } => forbidden(bucket, object),
        Error::Unauthenticated { .. } => ConnectorError::new(
            ErrorKind::Auth,
            format!("The service refused the credential for {} `{}`.", bucket.service.word, bucket.name),
        ),
        Error::Precondition { .. } | Error::AlreadyExists { .. } => {
            ConnectorError::new(ErrorKind::Unreachable, format!("`{shown}` was changed by somebody else."))
                .advise("Run it again once the other is done.")
        }
        Error::InvalidPath { .. } => ConnectorError::new(
            ErrorKind::Unsupported,
            format!("A name in `{}` has empty parts or control characters.", bucket.shown),
        )
        .advise("Rename the object, or give a narrower `prefix`."),
        Error::NotSupported { .. } | Error::NotImplemented { .. } => {
            ConnectorError::new(ErrorKind::Unsupported, "The service lacks something that this connector needs.")
                .advise("Where it does not know conditional writes, set `conditional_writes` to false.")
        }
        _ => return None,
    })
}

fn by_status(bucket: &Bucket, status: u16) -> ConnectorError {
    let (word, name) = (bucket.service.word, &bucket.name);
    match status {
        401 => ConnectorError::new(ErrorKind::Auth, format!("The service refused the credential for {word} `{name}`.")),
        403 => forbidden(bucket, ""),
        429 | 503 => throttled(bucket),
        301 | 302 | 307 | 308 => ConnectorError::new(
            ErrorKind::Config,
            format!("The {word} `{name}` is in another region or at another address."),
        )
        .advise("Set `region` and `endpoint` to the bucket's own."),
        400 => ConnectorError::new(
            ErrorKind::Config,
            format!("The service does not take requests for {word} `{name}` in this form."),
        )
        .advise("Check the endpoint, the region and whether the address wants `path_style`."),
        501 => ConnectorError::new(ErrorKind::Unsupported, "The service lacks something that this connector needs.")
            .advise("Where it does not know conditional writes, set `conditional_writes` to false."),
        _ => ConnectorError::new(ErrorKind::Unreachable, format!("The service with {word} `{name}` does not answer.")),
    }
}

fn forbidden(bucket: &Bucket, object: &str) -> ConnectorError {
    let shown = bucket.shown_object(object);
    ConnectorError::new(ErrorKind::Permission, format!("This credential may not do that with `{shown}`."))
        .advise("Reading wants the rights to list and to get objects; writing wants to put and to delete them too.")
}

fn throttled(bucket: &Bucket) -> ConnectorError {
    let (word, name) = (bucket.service.word, &bucket.name);
    ConnectorError::new(ErrorKind::Throttled, format!("The service with {word} `{name}` asks for fewer requests."))
}
