//! What a simulated disk remembers of the buffer's lives, as the native storage does in a file of its own.

use forebay_frame::RecordId;

use crate::storage::Incarnations;

/// One boot of the machine lasts from power loss to power loss.
#[derive(Debug, Default)]
pub(super) struct Life {
    incarnations: Incarnations,
    is_closed_well: bool,
    has_lost_power: bool,
}

impl Life {
    pub(super) fn opened(&mut self, next_id: RecordId) -> Incarnations {
        let is_first = self.incarnations == Incarnations::default();
        if is_first || (self.has_lost_power && !self.is_closed_well) {
            self.incarnations.begin(next_id, 1);
        }
        (self.is_closed_well, self.has_lost_power) = (false, false);
        self.incarnations.clone()
    }

    pub(super) fn closed(&mut self) {
        self.is_closed_well = true;
    }

    pub(super) fn lose_power(&mut self) {
        self.has_lost_power = true;
    }
}
