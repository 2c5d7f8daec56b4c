//! The suite that every connector passes against the real system.
