//! The tools that a mind can call. An author writes a [`Handler`] with typed arguments; the registry reads its file,
//! checks arguments against the schema, and erases the type, once, below.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::arguments::{BadSchema, Schema};
use super::tool::{Effect, Tool, ToolContext, ToolError, ToolOutput, ToolSpec};
use super::tools;

/// A tool as its author writes it.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// `deny_unknown_fields`, and the twin of the schema in the file: a test holds every example against both.
    type Args: DeserializeOwned + Send;

    const NAME: &'static str;
    /// How far a call reaches. The file says the same, or the registry refuses to load.
    const EFFECT: Effect;
    /// Whether answers hold text of users' systems.
    const UNTRUSTED: bool = matches!(Self::EFFECT, Effect::Connect);

    /// The text of `tools/NAME.json`.
    fn file(&self) -> &'static str;

    async fn call(&self, cx: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError>;
}

/// Why a tool could not be loaded: a mistake in its file.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    #[error("`tools/{0}.json` is not what a tool's file should be")]
    Unreadable(&'static str, #[source] serde_json::Error),
    #[error("`tools/{0}.json` gives another name or another effect than its handler")]
    Disagrees(&'static str),
    #[error("the parameters in `tools/{0}.json` are not a JSON Schema")]
    Schema(&'static str, #[source] BadSchema),
    #[error("there are two tools named `{0}`")]
    Twice(&'static str),
}

/// Why a call goes no further, in a sentence for the mind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    Unknown(String),
    /// The arguments were not JSON.
    Malformed(String),
    /// The arguments do not fit the schema.
    Unfit(String),
}

impl Refusal {
    pub fn sentence(&self) -> &str {
        match self {
            Self::Unknown(text) | Self::Malformed(text) | Self::Unfit(text) => text,
        }
    }
}

/// Every tool, by name. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    tools: Arc<BTreeMap<&'static str, Loaded>>,
    specs: Arc<[ToolSpec]>,
}

struct Loaded {
    tool: Arc<dyn Tool>,
    schema: Schema,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.tools.keys()).finish()
    }
}

impl Registry {
    /// Every tool of the product.
    pub fn standard() -> Result<Self, SpecError> {
        tools::all()
    }

    /// What a mind is shown, in a stable order: the same tools give the same prefix, which endpoints cache.
    pub fn specs(&self) -> Arc<[ToolSpec]> {
        Arc::clone(&self.specs)
    }

    pub fn get(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools.get(name).map(|loaded| &loaded.tool)
    }

    /// The tool, if there is one of this name and the arguments fit.
    pub fn admit(&self, name: &str, arguments: &Value) -> Result<Arc<dyn Tool>, Refusal> {
        let Some(loaded) = self.tools.get(name) else {
            let closest = self
                .tools
                .keys()
                .map(|known| (strsim::jaro_winkler(known, name), *known))
                .filter(|(likeness, _)| *likeness > 0.8)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let hint = closest.map_or_else(
                || format!("The tools are: {}.", self.tools.keys().copied().collect::<Vec<_>>().join(", ")),
                |(_, known)| format!("Did you mean `{known}`?"),
            );
            let name: String = name.chars().take(60).collect();
            return Err(Refusal::Unknown(format!("There is no tool `{name}`. {hint}")));
        };
        if !arguments.is_object() {
            return Err(Refusal::Malformed(unreadable(name, arguments, &loaded.tool.spec().parameters)));
        }
        let complaints = loaded.schema.complaints(arguments);
        if complaints.is_empty() {
            return Ok(Arc::clone(&loaded.tool));
        }
        Err(Refusal::Unfit(format!("The arguments of `{name}` do not fit: {}.", complaints.join("; "))))
    }
}

/// What is wrong with arguments that are no JSON object, and what would fit.
fn unreadable(name: &str, arguments: &Value, parameters: &Value) -> String {
    let wrong = match arguments {
        Value::String(text) => serde_json::from_str::<Value>(text).err().map(|error| format!(": {error}")),
        _ => None,
    };
    let required: Vec<&str> =
        parameters.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let members = parameters.get("properties").and_then(Value::as_object).map(|members| {
        let members = members.keys().map(|member| {
            let must = if required.contains(&member.as_str()) { " (required)" } else { "" };
            format!("`{member}`{must}")
        });
        members.collect::<Vec<_>>().join(", ")
    });
    let members = members.filter(|members| !members.is_empty()).unwrap_or_else(|| "no members".to_owned());
    format!(
        "The arguments of `{name}` are not a JSON object{}. Write them as one JSON object with {members}, without a code \
         fence and without text around it.",
        wrong.unwrap_or_default()
    )
}

/// Collects handlers into a registry.
#[derive(Default)]
pub(super) struct Loader {
    tools: BTreeMap<&'static str, Loaded>,
}

impl Loader {
    pub(super) fn with<H: Handler>(mut self, handler: H) -> Result<Self, SpecError> {
        let spec = read::<H>(handler.file())?;
        let schema = Schema::compile(&spec.parameters).map_err(|error| SpecError::Schema(H::NAME, error))?;
        let tool: Arc<dyn Tool> = Arc::new(Erased { spec, handler });
        if self.tools.insert(H::NAME, Loaded { tool, schema }).is_some() {
            return Err(SpecError::Twice(H::NAME));
        }
        Ok(self)
    }

    pub(super) fn done(self) -> Registry {
        let specs = self.tools.values().map(|loaded| loaded.tool.spec().clone()).collect();
        Registry { tools: Arc::new(self.tools), specs }
    }
}

/// Reads a tool's file. `{"$ref": "plan"}` anywhere in it stands for the plan's own schema.
fn read<H: Handler>(file: &str) -> Result<ToolSpec, SpecError> {
    let unreadable = |error| SpecError::Unreadable(H::NAME, error);
    let mut spec: ToolSpec = serde_json::from_str(file).map_err(unreadable)?;
    if spec.name != H::NAME || spec.effect != H::EFFECT {
        return Err(SpecError::Disagrees(H::NAME));
    }
    tools::plan_schema::embed(&mut spec.parameters).map_err(unreadable)?;
    Ok(spec)
}

/// The erasure: JSON in, typed call.
struct Erased<H> {
    spec: ToolSpec,
    handler: H,
}

#[async_trait]
impl<H: Handler> Tool for Erased<H> {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn untrusted(&self) -> bool {
        H::UNTRUSTED
    }

    async fn call(&self, cx: &ToolContext, arguments: Value) -> Result<ToolOutput, ToolError> {
        // Past the schema this fails only where schema and type have drifted apart, which the tests forbid.
        let args = serde_json::from_value(arguments)
            .map_err(|error| ToolError::TellModel(format!("The arguments of `{}` do not fit: {error}.", H::NAME)))?;
        self.handler.call(cx, args).await
    }
}

/// Every example deserialises into the handler's arguments; for the test that keeps file and type together.
#[cfg(test)]
pub(super) fn fits<H: Handler>(example: &Value) -> Result<(), String> {
    serde_json::from_value::<H::Args>(example.clone()).map(|_| ()).map_err(|error| error.to_string())
}
