//! What stands between people, minds and the systems they talk about: secrets are taken out of what is said, and text of
//! users' systems is marked as data.

pub mod secrets;
pub mod untrusted;
