//! When an endpoint is asked again: what counts is how many requests arrive at it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use serde_json::json;
use towpath::agent::model::{ChatModel as _, Delta, Finish, ModelError};
use towpath::agent::openai::{OpenAi, OpenAiConfig};

use super::wire::{Answer, Wire};
use super::{all, hello, mind};

const BUSY: &str = r#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#;

/// A mind that pauses as briefly as it can.
fn hasty(url: String) -> OpenAi {
    OpenAi::new(OpenAiConfig { longest_pause: Duration::from_millis(50), ..OpenAiConfig::new(url, "m", None) }).unwrap()
}

#[tokio::test]
async fn every_attempt_is_one_request() {
    for status in [429, 500, 502, 503, 529] {
        let wire = Wire::new((0..20).map(|_| Answer::error(status, BUSY))).await;
        let config = OpenAiConfig {
            retries: 3,
            longest_pause: Duration::from_millis(20),
            ..OpenAiConfig::new(wire.url(), "m", None)
        };
        let error = all(&OpenAi::new(config).unwrap(), hello()).await.unwrap_err();
        assert!(matches!(error, ModelError::Throttled { .. } | ModelError::Unreachable(_)), "{status}: {error:?}");
        assert_eq!(wire.requests().len(), 4, "{status}");
    }
}

#[tokio::test]
async fn the_pause_may_be_asked_for_in_seconds_or_as_a_date() {
    let seconds = [("retry-after", "1"), ("x-other", "1")];
    let date = [("date", "Wed, 21 Oct 2015 07:28:00 GMT"), ("retry-after", "Wed, 21 Oct 2015 07:28:01 GMT")];
    for status in [429, 503] {
        for asked in [seconds, date] {
            let refusal =
                asked.iter().fold(Answer::error(status, BUSY), |answer, (name, value)| answer.header(name, value));
            let wire = Wire::new([refusal, Answer::text(&["at last"])]).await;
            let begun = Instant::now();
            assert_eq!(all(&mind(&wire), hello()).await.unwrap()[0], Delta::Text("at last".to_owned()));
            let waited = begun.elapsed();
            assert!(waited >= Duration::from_secs(1) && waited < Duration::from_secs(8), "{asked:?}: {waited:?}");
            assert_eq!(wire.requests().len(), 2, "{asked:?}");
        }
    }
}

#[tokio::test]
async fn a_pause_beyond_the_cap_is_not_waited_for_in_either_form() {
    let seconds = vec![("retry-after", "3600")];
    let date = vec![("date", "Wed, 21 Oct 2015 07:28:00 GMT"), ("retry-after", "Wed, 21 Oct 2015 08:28:00 GMT")];
    for asked in [seconds, date] {
        let refusal = asked.iter().fold(Answer::error(429, BUSY), |answer, (name, value)| answer.header(name, value));
        let wire = Wire::new([refusal, Answer::text(&["too early"])]).await;
        let begun = Instant::now();
        let error = all(&mind(&wire), hello()).await.unwrap_err();
        let hour = Some(Duration::from_hours(1));
        assert!(matches!(error, ModelError::Throttled { retry_after } if retry_after == hour), "{error:?}");
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert_eq!(wire.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_asking_again_cannot_change_is_asked_once() {
    let quota = r#"{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}"#;
    let refusals = [
        Answer::error(400, r#"{"error":{"message":"bad"}}"#),
        Answer::error(401, r#"{"error":{"message":"Incorrect API key"}}"#),
        Answer::error(404, "no such model"),
        Answer::error(302, "").header("location", "http://elsewhere.example/"),
        Answer::error(429, quota),
        Answer::error(503, "gone for good").header("x-should-retry", "false"),
        Answer::error(200, "<html>Sign in</html>").header("content-type", "text/html"),
    ];
    for refusal in refusals {
        let wire = Wire::new([refusal, Answer::text(&["never asked for"])]).await;
        let error = all(&hasty(wire.url()), hello()).await.unwrap_err();
        assert_eq!(wire.requests().len(), 1, "{error:?}");
    }
}

#[tokio::test]
async fn a_line_that_drops_is_tried_again_a_bounded_number_of_times() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let server = towpath::tasks::spawn("dropper", async move {
        while let Ok((connection, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(connection);
        }
    });
    let error = all(&hasty(url), hello()).await.unwrap_err();
    assert!(matches!(error, ModelError::Unreachable(_)), "{error:?}");
    assert_eq!(connections.load(Ordering::SeqCst), 3);
    server.abort();
}

#[tokio::test]
async fn cancelling_ends_the_pause() {
    let wire = Wire::new([Answer::error(429, BUSY).header("retry-after", "15"), Answer::text(&["too late"])]).await;
    let config = OpenAiConfig { longest_pause: Duration::from_secs(20), ..OpenAiConfig::new(wire.url(), "m", None) };
    let mind = OpenAi::new(config).unwrap();
    let request = hello();
    let cancel = request.cancel.clone();
    let asked = towpath::tasks::spawn("test", async move { mind.stream(request).await.map(|_| ()) });
    while wire.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!asked.is_finished(), "it did not wait");
    cancel.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(1), asked).await.unwrap().unwrap();
    assert!(ended.is_err());
    assert_eq!(wire.requests().len(), 1);
}

#[tokio::test]
async fn what_has_begun_to_speak_is_not_asked_again() {
    for broken in [Answer::text(&["half a sent"]).cut(), Answer::text(&["half a sent"]).truncated()] {
        let wire = Wire::new([broken, Answer::text(&["again"])]).await;
        let mut stream = hasty(wire.url()).stream(hello()).await.unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap(), Delta::Text("half a sent".to_owned()));
        assert!(matches!(stream.next().await.unwrap(), Err(ModelError::Unreachable(_))));
        assert_eq!(wire.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_reply_that_broke_off_before_a_word_was_said_is_asked_for_again() {
    let role = json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}]});
    let wire = Wire::new([Answer::chunks(vec![role]), Answer::text(&["whole"])]).await;
    let deltas = all(&hasty(wire.url()), hello()).await.unwrap();
    assert_eq!(deltas, [Delta::Text("whole".to_owned()), Delta::Done { finish: Finish::Stop, usage: None }]);
    assert_eq!(wire.requests().len(), 2);
}

#[tokio::test]
async fn a_slow_first_word_is_waited_for_and_silence_after_it_is_not() {
    let config = |wire: &Wire| OpenAiConfig {
        first_byte: Duration::from_secs(10),
        silence: Duration::from_millis(400),
        ..OpenAiConfig::new(wire.url(), "m", None)
    };
    let wire = Wire::new([Answer::text(&["at last"]).after(Duration::from_millis(1200))]).await;
    let deltas = all(&OpenAi::new(config(&wire)).unwrap(), hello()).await.unwrap();
    assert_eq!(deltas[0], Delta::Text("at last".to_owned()));

    let wire = Wire::new([Answer::stalled("one moment"), Answer::text(&["again"])]).await;
    let begun = Instant::now();
    let error = all(&OpenAi::new(config(&wire)).unwrap(), hello()).await.unwrap_err();
    assert!(matches!(error, ModelError::Unreachable(_)), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(wire.requests().len(), 1);
}

#[tokio::test]
async fn an_attempt_that_took_as_long_as_it_may_is_the_last() {
    let wire = Wire::new([Answer::silence(), Answer::text(&["too late"])]).await;
    let config = OpenAiConfig { first_byte: Duration::from_millis(300), ..OpenAiConfig::new(wire.url(), "m", None) };
    let error = all(&OpenAi::new(config).unwrap(), hello()).await.unwrap_err();
    assert!(matches!(error, ModelError::Unreachable(_)), "{error:?}");
    assert_eq!(wire.requests().len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_does_not_stream_is_understood() {
    let call = json!({"id": "a", "type": "function", "function": {"name": "list_runs", "arguments": "{\"limit\": 3}"}});
    let message = json!({"role": "assistant", "content": "two\nlines", "tool_calls": [call]});
    let wire = Wire::new([Answer::whole(&message)]).await;
    let deltas = all(&mind(&wire), hello()).await.unwrap();
    assert_eq!(deltas[0], Delta::Text("two\nlines".to_owned()));
    assert!(matches!(&deltas[1], Delta::Call(call) if call.arguments == json!({"limit": 3})), "{deltas:?}");
    assert_eq!(deltas[2], Delta::Done { finish: Finish::ToolCalls, usage: None });
}
