;; The core module of a buffer's logic that opens, takes no records, and has an attack ready. Which one, `max-events` says;
;; the numbers are those in tests/hostile/attack.rs.
;;
;; Each function answers with the address of its result. All memory below 0x100 is zero and never written to: read as any
;; of the results, it is `ok` with zeros and empty lists.
(module
  (import "forebay:buffer/storage@0.1.0" "load-ledger" (func $load_ledger (param i32)))
  (import "forebay:buffer/storage@0.1.0" "release" (func $release (param i32 i32)))
  (import "forebay:buffer/storage@0.1.0" "request-sync" (func $request_sync (param i32 i32 i32)))

  (memory (export "memory") 2)
  (table $table 1 funcref)
  (global $attack (mut i32) (i32.const 0))

  ;; `tick` answers that no more are wanted.
  (data (i32.const 0x208) "\ff\ff\ff\ff\ff\ff\ff\ff")
  ;; Lists, as `status` answers with them: there is no `ok` before them. One of 100 elements, almost at the end of all that
  ;; 32 bits can address.
  (data (i32.const 0x304) "\f0\ff\ff\ff\64\00\00\00")
  ;; One of 3,000,000 elements of 16 bytes, in a memory that can be made to hold them.
  (data (i32.const 0x324) "\00\10\00\00\c0\c6\2d\00")
  ;; One of 5,000 elements.
  (data (i32.const 0x340) "\00\10\00\00\88\13\00\00")
  ;; Neither `ok` nor an error.
  (data (i32.const 0x360) "\07")

  (func $is (param $attack i32) (result i32) (i32.eq (global.get $attack) (local.get $attack)))

  (func $spin (loop $for_ever (br $for_ever)))

  ;; Never ends, and needs what it was called with after it has called.
  (func $recurse (param i64) (result i64)
    (i64.add (local.get 0) (call $recurse (i64.add (local.get 0) (i64.const 1)))))

  ;; As much memory as there is, each byte of it touched. The first page stays as it is.
  (func $take_all_memory
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (memory.fill (i32.const 0x10000) (i32.const 0x55)
      (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 0x10000))))

  (func $fill_table
    (loop $more (br_if $more (i32.ne (table.grow $table (ref.null func) (i32.const 1)) (i32.const -1)))))

  (func $call_for_ever (loop $for_ever (call $load_ledger (i32.const 0x400)) (br $for_ever)))

  ;; 65535 names no file.
  (func $break_a_rule_for_ever
    (loop $for_ever (call $release (i32.const 65535) (i32.const 0x400)) (br $for_ever)))

  ;; The attacks on the calls that no number above 20 is of: the number is 16 times that of the call, and that of what is
  ;; done in it. Gives the address of the answer.
  (func $attack_in (param $call i32) (param $answer i32) (result i32)
    (local $what i32)
    (if (i32.ne (i32.shr_u (global.get $attack) (i32.const 4)) (local.get $call)) (then (return (local.get $answer))))
    (local.set $what (i32.and (global.get $attack) (i32.const 15)))
    (if (i32.eq (local.get $what) (i32.const 1)) (then (call $spin)))
    (if (i32.eq (local.get $what) (i32.const 2)) (then unreachable))
    (if (i32.eq (local.get $what) (i32.const 3)) (then (drop (call $recurse (i64.const 1)))))
    (if (i32.eq (local.get $what) (i32.const 4)) (then (call $call_for_ever)))
    (if (i32.eq (local.get $what) (i32.const 5)) (then (call $break_a_rule_for_ever)))
    (if (i32.eq (local.get $what) (i32.const 6)) (then (return (i32.const 0xfffffff0))))
    (if (i32.eq (local.get $what) (i32.const 7)) (then (return (i32.const 0x360))))
    (local.get $answer))

  ;; Answers a read with this number of records.
  (func $allow (param $records i32) (result i32)
    (i32.store (i32.const 0x384) (local.get $records))
    (i32.const 0x380))

  ;; Where the host puts the list of one call. The next call's may overwrite it.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (if (call $is (i32.const 8)) (then (call $spin)))
    (if (call $is (i32.const 9)) (then (return (i32.const 0xfffffff0))))
    (i32.const 0x1000))

  (func (export "forebay:buffer/buffer@0.1.0#open") (param $max_bytes i64) (param $file_bytes i64) (param $attack i64)
      (param i32 i32 i32 i64 i32 i32) (result i32)
    (global.set $attack (i32.wrap_i64 (local.get $attack)))
    (if (call $is (i32.const 1)) (then (call $spin)))
    (i32.const 0))

  (func (export "forebay:buffer/buffer@0.1.0#write") (param i64 i32 i32) (result i32)
    (if (call $is (i32.const 2)) (then (call $spin)))
    (if (call $is (i32.const 3)) (then (drop (call $recurse (i64.const 1)))))
    (if (call $is (i32.const 4)) (then (call $take_all_memory)))
    (if (call $is (i32.const 5)) (then (call $fill_table)))
    (if (call $is (i32.const 6)) (then (call $call_for_ever)))
    (if (call $is (i32.const 7)) (then (call $break_a_rule_for_ever)))
    (if (call $is (i32.const 10)) (then (return (i32.const 0xfffffff0))))
    (if (call $is (i32.const 11)) (then (return (i32.const 0x360))))
    (if (call $is (i32.const 12)) (then unreachable))
    ;; Of the ledger, so that one ends.
    (if (i32.eq (i32.shr_u (global.get $attack) (i32.const 4)) (i32.const 5))
      (then (call $request_sync (i32.const 2) (i32.const 0) (i32.const 0x400))))
    (i32.const 0))

  (func (export "forebay:buffer/buffer@0.1.0#read") (param $max_records i32) (param i64) (result i32)
    (if (call $is (i32.const 13)) (then (call $spin)))
    (if (call $is (i32.const 14)) (then (return (i32.const 0xfffffff0))))
    (if (call $is (i32.const 15)) (then (return (call $allow (i32.add (local.get $max_records) (i32.const 1))))))
    (if (call $is (i32.const 20)) (then (return (i32.const 0x360))))
    ;; The consumer gets records, and can acknowledge them.
    (if (i32.eq (i32.shr_u (global.get $attack) (i32.const 4)) (i32.const 2))
      (then (return (call $allow (local.get $max_records)))))
    (i32.const 0))

  (func (export "forebay:buffer/buffer@0.1.0#acknowledge") (param i64) (result i32)
    (call $attack_in (i32.const 2) (i32.const 0)))
  (func (export "forebay:buffer/buffer@0.1.0#tick") (param i64) (result i32)
    (call $attack_in (i32.const 3) (i32.const 0x200)))
  (func (export "forebay:buffer/buffer@0.1.0#flush") (result i32)
    (call $attack_in (i32.const 4) (i32.const 0)))
  (func (export "forebay:buffer/buffer@0.1.0#synced") (param i64) (result i32)
    (call $attack_in (i32.const 5) (i32.const 0)))
  (func (export "forebay:buffer/buffer@0.1.0#close-writer") (result i32)
    (call $attack_in (i32.const 6) (i32.const 0)))

  (func (export "forebay:buffer/buffer@0.1.0#status") (result i32)
    (if (call $is (i32.const 16)) (then (drop (memory.grow (i32.const 2))) (return (i32.const 0x340))))
    (if (call $is (i32.const 17)) (then (drop (memory.grow (i32.const 900))) (return (i32.const 0x324))))
    (if (call $is (i32.const 18)) (then (return (i32.const 0x304))))
    (if (call $is (i32.const 19)) (then unreachable))
    (i32.const 0)))
