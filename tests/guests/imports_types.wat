  ;; An interface that has only a type in it asks nothing of the host.
  (import "acme:paint/colours@3.1.0" (instance
    (type (record (field "red" u8) (field "green" u8)))
    (export "colour" (type (eq 0)))))
