//! What network interfaces do, through their actions.
