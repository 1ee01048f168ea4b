//! What instances do, through their actions.

mod catalog;
mod describe;
mod launch;
mod modify;
mod options;
mod power;
mod random;
mod shown;
