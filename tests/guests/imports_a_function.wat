  ;; The same interface with a function in it.
  (import "acme:paint/colours@3.1.0" (instance
    (type (record (field "red" u8) (field "green" u8)))
    (export "colour" (type (eq 0)))
    (export "paint" (func (param "with" u8)))))
