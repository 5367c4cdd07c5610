//! What is known of the fixtures: the figures of the `MANIFEST.txt` that was made with them, by Vector's own code and by an
//! independent decoder.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

/// What is known of one fixture.
pub struct Facts {
    pub name: &'static str,
    /// Writer's next record, writer's data file, reader's data file, reader's last record.
    pub ledger: [u64; 4],
    /// Bytes in all data files.
    pub bytes: u64,
    /// How many data files there are.
    pub files: u64,
    /// Whole frames, corrupt frames, torn bytes, lost records.
    pub verified: [u64; 4],
    /// The ids that a reader gets.
    pub unread: &'static [RangeInclusive<u64>],
    /// Events that the ledger counts and a reader does not get.
    pub lost: u64,
}

pub const FACTS: [Facts; 7] = [
    Facts { name: "empty", ledger: [1, 0, 0, 0], bytes: 0, files: 1, verified: [0; 4], unread: &[], lost: 0 },
    Facts {
        name: "w100_r0",
        ledger: [101, 0, 0, 0],
        bytes: 8424,
        files: 1,
        verified: [100, 0, 0, 0],
        unread: &[1..=100],
        lost: 0,
    },
    Facts {
        name: "w100_r40",
        ledger: [101, 0, 0, 40],
        bytes: 8424,
        files: 1,
        verified: [100, 0, 0, 0],
        unread: &[41..=100],
        lost: 0,
    },
    Facts {
        name: "w100_r100",
        ledger: [101, 0, 0, 100],
        bytes: 8424,
        files: 1,
        verified: [100, 0, 0, 0],
        unread: &[],
        lost: 0,
    },
    Facts {
        name: "multifile_w600_r150_4k",
        ledger: [601, 12, 3, 150],
        // 4048 + 4056 + 4072 + 4080 + 4088 + 4032 + 4040 + 4048 + 4056 + 2064
        bytes: 38_584,
        files: 10,
        // Data file 3 begins with record 145.
        verified: [456, 0, 0, 0],
        unread: &[151..=600],
        lost: 0,
    },
    Facts {
        name: "w100_r0_torn_tail",
        ledger: [101, 0, 0, 0],
        bytes: 8419,
        files: 1,
        verified: [99, 0, 67, 1],
        unread: &[1..=99],
        lost: 1,
    },
    Facts {
        name: "w100_r0_bitflip",
        ledger: [101, 0, 0, 0],
        bytes: 8424,
        files: 1,
        verified: [99, 1, 0, 1],
        unread: &[1..=49, 51..=100],
        lost: 1,
    },
];

impl Facts {
    /// What `forebay status` answers when no process holds the buffer.
    pub fn status(&self) -> Value {
        let [writer_next_record, writer_data_file, reader_data_file, reader_last_record] = self.ledger;
        json!({
            "ledger": {
                "writer_next_record": writer_next_record,
                "writer_data_file": writer_data_file,
                "reader_data_file": reader_data_file,
                "reader_last_record": reader_last_record,
            },
            "records": writer_next_record - reader_last_record - 1,
            "bytes": self.bytes,
            "files": self.files,
            "locked": false,
            "locked_by": null,
            "dead_letters": { "records": 0, "bytes": 0 },
            "usage": null,
        })
    }

    /// The ids that a reader gets.
    pub fn unread(&self) -> impl Iterator<Item = u64> {
        self.unread.iter().cloned().flatten()
    }
}
