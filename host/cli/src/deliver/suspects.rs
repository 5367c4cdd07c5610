//! Records that fail alone, while the destination accepts no others: the destination may be what is wrong, and none becomes a dead letter.

use super::piece::Piece;
use crate::access::Held;

/// So many in a row, and the destination is given time before it is sent more.
const MOST: usize = 20;

/// Pieces of one record each, in their order, with what was said about the last of them.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    pieces: Vec<Piece>,
    reason: String,
}

impl Suspects {
    pub(super) fn add(&mut self, piece: Piece, reason: &str) {
        self.pieces.push(piece);
        reason.clone_into(&mut self.reason);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether more of them would say nothing more.
    pub(super) fn are_enough(&self) -> bool {
        self.pieces.len() >= MOST
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Held> {
        self.pieces.iter().flat_map(|piece| &piece.records)
    }

    /// What was said about the last of them.
    pub(super) fn reason(&self) -> &str {
        &self.reason
    }

    /// All of them, in their order.
    pub(super) fn take(&mut self) -> Vec<Piece> {
        std::mem::take(&mut self.pieces)
    }
}
