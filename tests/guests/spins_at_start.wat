;; The core module of a buffer's logic that never gets ready: its start function does not end. It never calls its host.
;;
;; Each function answers with the address of its result. All memory below 0x100 is zero and never written to: read as any
;; of the results, it is `ok` with zeros and empty lists.
(module
  (memory (export "memory") 2)

  ;; `tick` answers that no more are wanted.
  (data (i32.const 0x208) "\ff\ff\ff\ff\ff\ff\ff\ff")

  (func $spin (loop $for_ever (br $for_ever)))
  (start $spin)

  ;; Where the host puts the list of one call. The next call's may overwrite it.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0x1000))

  (func (export "forebay:buffer/buffer@0.1.0#open") (param i64 i64 i64 i32 i32 i32 i64 i32 i32) (result i32) (i32.const 0))
  (func (export "forebay:buffer/buffer@0.1.0#write") (param i64 i32 i32) (result i32) (i32.const 0))
  (func (export "forebay:buffer/buffer@0.1.0#read") (param i32 i64) (result i32) (i32.const 0))
  (func (export "forebay:buffer/buffer@0.1.0#acknowledge") (param i64) (result i32) (i32.const 0))
  (func (export "forebay:buffer/buffer@0.1.0#tick") (param i64) (result i32) (i32.const 0x200))
  (func (export "forebay:buffer/buffer@0.1.0#flush") (result i32) (i32.const 0))
  (func (export "forebay:buffer/buffer@0.1.0#synced") (param i64) (result i32) (i32.const 0))
  (func (export "forebay:buffer/buffer@0.1.0#close-writer") (result i32) (i32.const 0))
  (func (export "forebay:buffer/buffer@0.1.0#status") (result i32) (i32.const 0)))
