//! Finding the workspace's own objects in what people say: connections, streams, columns, namespaces.

pub(super) mod column;
pub(super) mod connection;
pub(super) mod stream;

/// How a name was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum How {
    /// Named as it is called, but for case, separators and number.
    Name,
    /// By what kind of thing it is, or by a part of its name.
    Part,
    /// With a slip of the finger.
    Slip,
}
