//! What groups, routes and gateways mean: verdicts with reasons, and the plan for the kernel.
