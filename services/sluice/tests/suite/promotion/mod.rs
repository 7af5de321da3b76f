//! The discount promotion (docs/domain.md S1), rule by rule, as its users meet it; a module for each subject.

mod administration;
mod limits;
mod points;
mod pushes;
mod rules;
mod stage;
mod taps;
