;; The core module of a buffer's logic that does what its host tells it to. The list of a `write` is no list of records: its
;; first number says which storage call is to be made, or what else is to be done, and the others are the arguments.
;; tests/hostile/obeying.rs has the numbers. `status` says what came of it.
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

  ;; 4 pages: the second holds the lists of one call, that of `write` and the host's.
  (memory (export "memory") 4)
  (table $table 1 funcref)
  (global $list (mut i32) (i32.const 0))

  ;; `tick` answers that no more are wanted.
  (data (i32.const 0x208) "\ff\ff\ff\ff\ff\ff\ff\ff")
  ;; What `status` answers with: three figures, 1 whether the storage call was an error, 2 the pages of memory, 3 the
  ;; elements of the table.
  (data (i32.const 0x300) "\10\03\00\00\03\00\00\00")
  (data (i32.const 0x310) "\01\00")
  (data (i32.const 0x320) "\02\00")
  (data (i32.const 0x330) "\03\00")

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0x10000))

  ;; The numbers behind the first.
  (func $arg (param $n i32) (result i64)
    (i64.load (i32.add (global.get $list) (i32.shl (local.get $n) (i32.const 3)))))
  (func $arg32 (param $n i32) (result i32) (i32.wrap_i64 (call $arg (local.get $n))))

  ;; So many calls deep.
  (func $recurse (param $depth i64) (result i64)
    (if (i64.eqz (local.get $depth)) (then (return (i64.const 0))))
    (i64.add (local.get $depth) (call $recurse (i64.sub (local.get $depth) (i64.const 1)))))

  ;; So many times the call to discard a file.
  (func $discard_often (param $times i64) (param $file i32)
    (loop $again
      (call $discard (local.get $file) (i32.const 0x400))
      (local.set $times (i64.sub (local.get $times) (i64.const 1)))
      (br_if $again (i64.ne (local.get $times) (i64.const 0)))))

  (func $do (param $what i32)
    (block $often (block $recurse (block $fill (block $grow (block $sync (block $discard (block $release (block $truncate
    (block $roll (block $prepare (block $append (block $next (block $segments (block $store (block $load
      (br_table $load $store $segments $next $append $prepare $roll $truncate $release $discard $sync $grow $fill $recurse
        $often (local.get $what)))
      (call $load_ledger (i32.const 0x400)) (return))
      (call $store_ledger (call $arg (i32.const 1)) (call $arg32 (i32.const 2)) (call $arg32 (i32.const 3))
        (call $arg (i32.const 4)) (i32.const 0x400)) (return))
      (call $segments (call $arg32 (i32.const 1)) (call $arg32 (i32.const 2)) (i32.const 0x400)) (return))
      (drop (call $next_id)) (return))
      (call $append (call $arg (i32.const 1)) (call $arg32 (i32.const 2)) (i32.const 0x400)) (return))
      (call $prepare (i32.const 0x400)) (return))
      (call $roll (i32.const 0x400)) (return))
      (call $truncate (i32.const 0x400)) (return))
      (call $release (call $arg32 (i32.const 1)) (i32.const 0x400)) (return))
      (call $discard (call $arg32 (i32.const 1)) (i32.const 0x400)) (return))
      (call $request_sync (call $arg32 (i32.const 1)) (call $arg32 (i32.const 2)) (i32.const 0x400)) (return))
      (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (return))
      (loop $more (br_if $more (i32.ne (table.grow $table (ref.null func) (i32.const 1)) (i32.const -1)))) (return))
      (drop (call $recurse (call $arg (i32.const 1)))) (return))
    (call $discard_often (call $arg (i32.const 1)) (call $arg32 (i32.const 2))))

  (func (export "forebay:buffer/buffer@0.1.0#open") (param i64 i64 i64 i32 i32 i32 i64 i32 i32) (result i32) (i32.const 0))

  (func (export "forebay:buffer/buffer@0.1.0#write") (param i64 i32 i32) (result i32)
    (global.set $list (local.get 1))
    (call $do (i32.wrap_i64 (i64.load (local.get 1))))
    (i64.store (i32.const 0x318) (i64.load8_u (i32.const 0x400)))
    (i64.store (i32.const 0x328) (i64.extend_i32_u (memory.size)))
    (i64.store (i32.const 0x338) (i64.extend_i32_u (table.size $table)))
    (i32.const 0))

  (func (export "forebay:buffer/buffer@0.1.0#read") (param i32 i64) (result i32) (i32.const 0))
  (func (export "forebay:buffer/buffer@0.1.0#acknowledge") (param i64) (result i32) (i32.const 0))
  (func (export "forebay:buffer/buffer@0.1.0#tick") (param i64) (result i32) (i32.const 0x200))
  (func (export "forebay:buffer/buffer@0.1.0#flush") (result i32) (i32.const 0))
  (func (export "forebay:buffer/buffer@0.1.0#synced") (param i64) (result i32) (i32.const 0))
  (func (export "forebay:buffer/buffer@0.1.0#close-writer") (result i32) (i32.const 0))
  (func (export "forebay:buffer/buffer@0.1.0#status") (result i32) (i32.const 0x300)))
