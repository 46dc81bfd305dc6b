(* What every theory begins with. *)
From Coq Require Export String.
From mathcomp Require Export all_ssreflect all_algebra.
From mathcomp.algebra_tactics Require Export ring.

#[export] Set Implicit Arguments.
#[export] Unset Strict Implicit.
#[export] Unset Printing Implicit Defensive.
Export Order.TTheory GRing.Theory Num.Theory.
Open Scope ring_scope.
