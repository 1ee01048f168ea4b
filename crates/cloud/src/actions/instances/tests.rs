//! What instances do, through their actions.

mod describe;
mod launch;
mod power;
mod random;
