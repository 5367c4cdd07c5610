;; The core module of a buffer's logic that wears its host out: with work that it has done, and with time that it takes. It
;; gives and takes records meanwhile, and breaks few rules. Which attack it is, two digits in its memory say, which a test
;; writes over: see tests/containment/attacks.rs, which has the numbers.
;;
;; Each function answers with the address of its result. All memory below 0x100 is zero and never written to: read as any
;; of the results, it is `ok` with zeros and empty lists.
(module
  (import "forebay:buffer/storage@0.1.0" "load-ledger" (func $load_ledger (param i32)))
  (import "forebay:buffer/storage@0.1.0" "store-ledger" (func $store_ledger (param i64 i32 i32 i64 i32)))
  (import "forebay:buffer/storage@0.1.0" "segments" (func $segments (param i32 i32 i32)))
  (import "forebay:buffer/storage@0.1.0" "next-id" (func $next_id (result i64)))
  (import "forebay:buffer/storage@0.1.0" "append" (func $append (param i64 i32 i32)))
  (import "forebay:buffer/storage@0.1.0" "prepare" (func $prepare (param i32)))
  (import "forebay:buffer/storage@0.1.0" "roll" (func $roll (param i32)))
  (import "forebay:buffer/storage@0.1.0" "truncate" (func $truncate (param i32)))
  (import "forebay:buffer/storage@0.1.0" "release" (func $release (param i32 i32)))
  (import "forebay:buffer/storage@0.1.0" "discard" (func $discard (param i32 i32)))
  (import "forebay:buffer/storage@0.1.0" "request-sync" (func $request_sync (param i32 i32 i32)))

  ;; The lists of one call stand in the second page and behind it.
  (memory (export "memory") 16)

  ;; `tick` answers that no more are wanted, or that the next one is due.
  (data (i32.const 0x208) "\ff\ff\ff\ff\ff\ff\ff\ff")
  (data (i32.const 0x500) "WEARS:00")

  (func $digit (param $at i32) (result i32) (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
  (func $is (param $attack i32) (result i32)
    (i32.eq (local.get $attack)
      (i32.add (i32.mul (call $digit (i32.const 0x506)) (i32.const 10)) (call $digit (i32.const 0x507)))))

  ;; A part of the time that a call has, on any machine.
  (func $spin_a_while
    (local $left i32)
    (local.set $left (i32.const 30000000))
    (loop $again (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))

  ;; Makes the spare and removes it.
  (func $make_and_remove (param $times i32)
    (loop $again
      (call $prepare (i32.const 0x400))
      (call $discard (i32.load16_u (i32.const 0x404)) (i32.const 0x400))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))

  ;; Cuts and removes what it can name: the first 16 files.
  (func $remove_all
    (local $file i32)
    (call $truncate (i32.const 0x400))
    (loop $each
      (call $release (local.get $file) (i32.const 0x400))
      (call $discard (local.get $file) (i32.const 0x400))
      (br_if $each (i32.lt_u (local.tee $file (i32.add (local.get $file) (i32.const 1))) (i32.const 16)))))

  ;; Takes all memory that there is, and writes to each page of it.
  (func $hoard
    (local $at i32)
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    (local.set $at (i32.const 0x20000))
    (loop $page
      (i32.store (local.get $at) (i32.const 1))
      (local.set $at (i32.add (local.get $at) (i32.const 0x1000)))
      (br_if $page (i32.lt_u (local.get $at) (i32.mul (memory.size) (i32.const 0x10000))))))

  ;; Attacks 11 to 19, one for each kind of call; 30, which traps after a part of it; and those that are tried in each call. 31
  ;; appends the first record of a batch that is over. 36 takes what memory it can in each life, but for its opening.
  (func $wear (param $attack i32)
    (if (call $is (local.get $attack)) (then (call $make_and_remove (i32.const 1000000))))
    (if (call $is (i32.const 30)) (then (call $make_and_remove (i32.const 300)) unreachable))
    (if (call $is (i32.const 31)) (then (call $append (i64.load (i32.const 0x600)) (i32.const 1) (i32.const 0x400))))
    (if (call $is (i32.const 32)) (then (call $remove_all)))
    (if (i32.and (call $is (i32.const 36)) (i32.ne (local.get $attack) (i32.const 11)))
      (then (call $hoard) unreachable)))

  ;; Has everything synced that was placed before.
  (func $sync_all
    (call $load_ledger (i32.const 0x400))
    (call $request_sync (i32.const 0) (i32.load16_u (i32.const 0x410)) (i32.const 0x420))
    (call $request_sync (i32.const 1) (i32.const 0) (i32.const 0x420))
    (call $request_sync (i32.const 2) (i32.const 0) (i32.const 0x420)))

  ;; All figures that there are, each as high as can be: 16 bytes each.
  (func $lie
    (local $figure i32) (local $at i32)
    (loop $each
      (local.set $at (i32.add (i32.const 0x700) (i32.shl (local.get $figure) (i32.const 4))))
      (local.set $figure (i32.add (local.get $figure) (i32.const 1)))
      (i32.store16 (local.get $at) (local.get $figure))
      (i64.store offset=8 (local.get $at) (i64.const -1))
      (br_if $each (i32.lt_u (local.get $figure) (i32.const 16))))
    (i32.store (i32.const 0x3a0) (i32.const 0x700))
    (i32.store (i32.const 0x3a4) (i32.const 16)))

  ;; A ledger by which all is acknowledged, in the file that is written to.
  (func $acknowledge_all
    (call $load_ledger (i32.const 0x400))
    (call $store_ledger (call $next_id) (i32.load16_u (i32.const 0x410)) (i32.load16_u (i32.const 0x410))
      (i64.sub (call $next_id) (i64.const 1)) (i32.const 0x420)))

  (func $repeat (param $times i32)
    (loop $again
      (if (call $is (i32.const 21)) (then (call $segments (i32.const 0) (i32.const 4096) (i32.const 0x400))))
      (if (call $is (i32.const 22)) (then (call $request_sync (i32.const 1) (i32.const 0) (i32.const 0x400))))
      (if (call $is (i32.const 29)) (then
        (call $load_ledger (i32.const 0x400))
        (call $store_ledger (call $next_id) (i32.load16_u (i32.const 0x410)) (i32.load16_u (i32.const 0x412))
          (i64.load (i32.const 0x418)) (i32.const 0x420))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))

  ;; Where the host puts a list: that of the next call may overwrite it.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (if (call $is (i32.const 28)) (then (call $prepare (i32.const 0x400))))
    (i32.const 0x10000))

  (func (export "forebay:buffer/buffer@0.1.0#open") (param i64 i64 i64 i32 i32 i32 i64 i32 i32) (result i32)
    (call $wear (i32.const 11))
    (i32.const 0))

  (func (export "forebay:buffer/buffer@0.1.0#write") (param $batch i64) (param i32) (param $count i32) (result i32)
    (call $wear (i32.const 12))
    (if (call $is (i32.const 34)) (then (call $sync_all)))
    (if (call $is (i32.const 37))
      (then (call $prepare (i32.const 0x400)) (call $roll (i32.const 0x400)) (call $prepare (i32.const 0x400))))
    (if (call $is (i32.const 26))
      (then (loop $each
        (call $roll (i32.const 0x400))
        (call $append (local.get $batch) (i32.const 1) (i32.const 0x400))
        (br_if $each (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
      (else (call $append (local.get $batch) (local.get $count) (i32.const 0x400))))
    (if (i32.or (call $is (i32.const 21)) (call $is (i32.const 29))) (then (call $repeat (i32.const 900000))))
    (if (call $is (i32.const 22)) (then (call $repeat (i32.const 20000))))
    (if (call $is (i32.const 27)) (then (call $acknowledge_all)))
    (if (call $is (i32.const 37)) (then (call $roll (i32.const 0x400)) (call $prepare (i32.const 0x400))))
    (i64.store (i32.const 0x600) (local.get $batch))
    (if (call $is (i32.const 33)) (then (i64.store (i32.const 0x3d0) (i64.const -1)) (return (i32.const 0x3c0))))
    ;; Of the ledger, so that one ends.
    (if (call $is (i32.const 17)) (then (call $request_sync (i32.const 2) (i32.const 0) (i32.const 0x400))))
    (i32.const 0))

  (func (export "forebay:buffer/buffer@0.1.0#read") (param $max_records i32) (param i64) (result i32)
    (call $wear (i32.const 13))
    (i32.store (i32.const 0x384) (local.get $max_records))
    (if (call $is (i32.const 23)) (then (call $spin_a_while) (i32.store (i32.const 0x384) (i32.const 1))))
    (i32.store (i32.const 0x608) (i32.xor (i32.load (i32.const 0x608)) (i32.const 1)))
    (if (i32.and (call $is (i32.const 35)) (i32.load (i32.const 0x608)))
      (then (i32.store (i32.const 0x384) (i32.const 0))))
    (i32.const 0x380))

  (func (export "forebay:buffer/buffer@0.1.0#acknowledge") (param i64) (result i32)
    (call $wear (i32.const 14))
    (i32.const 0))

  (func (export "forebay:buffer/buffer@0.1.0#tick") (param i64) (result i32)
    (call $wear (i32.const 15))
    (if (call $is (i32.const 27)) (then (call $acknowledge_all)))
    (if (call $is (i32.const 25)) (then (call $spin_a_while) (return (i32.const 0))))
    (if (call $is (i32.const 38)) (then (return (i32.const 0))))
    (i32.const 0x200))

  (func (export "forebay:buffer/buffer@0.1.0#flush") (result i32)
    (call $wear (i32.const 16))
    (i32.const 0))

  (func (export "forebay:buffer/buffer@0.1.0#synced") (param i64) (result i32)
    (call $wear (i32.const 17))
    (if (call $is (i32.const 22)) (then (call $spin_a_while)))
    (i32.const 0))

  (func (export "forebay:buffer/buffer@0.1.0#close-writer") (result i32)
    (call $wear (i32.const 18))
    (if (call $is (i32.const 27)) (then (call $acknowledge_all)))
    (i32.const 0))

  (func (export "forebay:buffer/buffer@0.1.0#status") (result i32)
    (call $wear (i32.const 19))
    (if (call $is (i32.const 33)) (then (call $lie) (return (i32.const 0x3a0))))
    (i32.const 0)))
