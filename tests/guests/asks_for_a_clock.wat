;; A component that asks its host for the time: more than the logic of a buffer may ask for.
(component
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance
    (export "now" (func (result u64))))))
