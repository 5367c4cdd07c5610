//! Components that tests run. They are built from the workspace, in the same way as the one that ships.

/// The path of `examples/custom-policy` as a component.
pub const CUSTOM_POLICY: &str = env!("CUSTOM_POLICY_PATH");
