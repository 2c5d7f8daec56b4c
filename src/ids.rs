//! One newtype per thing that has an identity. All are UUID v7, so that they sort by the time they were made.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
            utoipa::ToSchema,
        )]
        #[serde(transparent)]
        #[schema(value_type = String)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A fresh, time-ordered identity.
            #[expect(clippy::new_without_default, reason = "a default identity has no meaning")]
            pub fn new() -> Self {
                Self(uuid::Uuid::now_v7())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Ok(Self(text.parse()?))
            }
        }
    };
}

id!(
    /// A talk between a person and the agent.
    ConversationId
);
id!(
    /// A plan as it was proposed, whatever became of it.
    PlanId
);
id!(
    /// A confirmed plan that the workspace keeps.
    PipelineId
);
id!(
    /// One execution of a pipeline.
    RunId
);
id!(
    /// A named, credentialed endpoint of a workspace.
    ConnectionId
);
id!(
    /// An API key.
    KeyId
);
id!(
    /// Something offered to a person that waits for a yes: stopping a run, deleting a pipeline.
    ActionId
);

/// Who did something: a person at the page, the holder of an API key, or the operator at the command line.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct Actor(pub String);

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The workspace that a stored row belongs to.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct WorkspaceId(pub String);

impl WorkspaceId {
    /// The workspace that a new installation starts with.
    pub fn main() -> Self {
        Self("main".to_owned())
    }
}
