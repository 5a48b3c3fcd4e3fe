//! The parts that pages are made of, on native elements. They show plain values or signals and fetch nothing.

pub mod allowed;
pub mod badge;
pub mod coded;
pub mod field;
pub mod frame;
pub mod icon;
pub mod ladder;
pub mod notice;
pub mod order;
pub mod post;
pub mod sentence;
pub mod spark;
pub mod title;
