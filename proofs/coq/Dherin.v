(* Dherin et al. 2025: what a context does to a block is an update of the weights behind it. The
   contextual layer A is any function of a sequence, the network behind W any function. *)
Require Import Prelude Matrices.

Section Update.
Variables (F : fieldType) (k d : nat) (sequence output : Type).
Variables (A : sequence -> 'cV[F]_d) (network : 'cV[F]_k -> output).
Implicit Types (W D : 'M[F]_(k, d)) (b : 'cV[F]_k) (u v : 'cV[F]_d).

Definition square u := (u^T *m u) 0 0.
Definition block W b s := network (W *m A s + b).

(* (W change) u^T / |u|^2 *)
Definition update W change u : 'M[F]_(k, d) := (square u)^-1 *: (W *m change *m u^T).

Lemma updated W change u : square u != 0 -> update W change u *m u = W *m change.
Proof.
move=> nonzero; rewrite /update -scalemxAl -mulmxA [u^T *m u]mx11_scalar -/(square u).
by rewrite mul_mx_scalar scalerA mulVf // scale1r.
Qed.

Lemma absorbed W u v : square u != 0 -> (W + update W (v - u) u) *m u = W *m v.
Proof. by move=> nonzero; rewrite mulmxDl updated // mulmxBr addrC subrK. Qed.

(* Theorem 2.2 where A without Y is not 0.
   [repairs dherin2025.theorem2.2, dherin2025.theorem2.2.existence] *)
Theorem theorem22 W b whole kept :
  square (A kept) != 0 ->
  block W b whole = block (W + update W (A whole - A kept) (A kept)) b kept.
Proof. by move=> nonzero; rewrite /block absorbed. Qed.

(* The update has rank one or zero. [repairs dherin2025.theorem2.2.rank] *)
Theorem update_rank W change u : (\rank (update W change u) <= 1)%N.
Proof. by rewrite /update scalemxAl mulmx_max_rank. Qed.

(* Without a change the rank is zero. [refutes dherin2025.theorem2.2.rank] *)
Theorem update_of_nothing W u : \rank (update W 0 u) = 0%N.
Proof. by rewrite /update mulmx0 mul0mx scaler0 mxrank0. Qed.

(* Where A without Y is 0, no weights do what Y did, if it did anything.
   [refutes dherin2025.theorem2.2.existence] *)
Theorem nothing_read W b whole kept :
  A kept = 0 -> block W b whole <> network b -> forall D, block (W + D) b kept <> block W b whole.
Proof. by move=> zero did D; rewrite {1}/block zero mulmx0 add0r => same; apply: did. Qed.
End Update.

Section Residual.
Variables (F : fieldType) (k d : nat) (sequence : Type).
Variables (A : sequence -> 'cV[F]_d) (g : 'cV[F]_k -> 'cV[F]_d).

(* x + A + W' g(W A + b) + b', W' g being any function. *)
Definition residual_block (W : 'M[F]_(k, d)) b (last x : 'cV[F]_d) s :=
  x + A s + g (W *m A s + b) + last.

(* The theorem on residual streams where A without Y is not 0. [repairs dherin2025.theoremB.2] *)
Theorem theoremB2 W b last x whole kept :
  square (A kept) != 0 ->
  residual_block W b last x whole =
  residual_block (W + update W (A whole - A kept) (A kept)) b (last + (A whole - A kept)) x kept.
Proof.
move=> nonzero; rewrite /residual_block absorbed //; move: (g _) => out.
by apply/colP => i; rewrite !mxE; ring.
Qed.
End Residual.

Section Tokens.
Variables (F : fieldType) (k d : nat) (W0 : 'M[F]_(k, d)) (A : nat -> 'cV[F]_d).

(* A i stands for A(c_1, ..., c_i, x); the loss of step i is the trace of Delta_i^T W, whose
   gradient is Delta_i. *)
Definition weights i := W0 + update W0 (A i - A 0%N) (A 0%N).
Definition Delta i := W0 *m (A i - A i.+1) *m (A 0%N)^T.

Lemma trace_gradient i (W D : 'M[F]_(k, d)) :
  \tr ((Delta i)^T *m (W + D)) - \tr ((Delta i)^T *m W) = \tr ((Delta i)^T *m D).
Proof. by rewrite mulmxDr mxtraceD addrC addKr. Qed.

(* Proposition 3.1: a step of size 1/|A(x)|^2.
   [repairs dherin2025.prop3.1, dherin2025.prop3.1.indices] *)
Theorem proposition31 i : weights i.+1 = weights i - (square (A 0%N))^-1 *: Delta i.
Proof.
have split : A i.+1 - A 0%N = (A i - A 0%N) - (A i - A i.+1).
  by rewrite opprB [RHS]addrC addrA subrK.
by rewrite /weights /update /Delta split mulmxBr mulmxBl scalerBr addrA.
Qed.

(* W_i is not the step of L_i from W_{i-1}: a token late. [refutes dherin2025.prop3.1.indices] *)
Theorem a_token_late i :
  square (A 0%N) != 0 -> W0 *m (A i.+1 - A i) <> W0 *m (A i.+2 - A i.+1) ->
  weights i.+1 <> weights i - (square (A 0%N))^-1 *: Delta i.+1.
Proof.
move=> nonzero differ; rewrite proposition31 => /addrI /oppr_inj.
move/(congr1 (fun D => D *m A 0%N)); rewrite /Delta -/(update _ _ _) -/(update _ _ _) !updated //.
move=> same; apply: differ.
by rewrite -[A i.+1 - _]opprB -[A i.+2 - _]opprB !mulmxN same.
Qed.
End Tokens.
