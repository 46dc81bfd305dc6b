(* Matrix powers and the two ways in which this project proves matrix identities. *)
Require Import Prelude.

Section Transpose.
Variables (R : ringType) (m n : nat).
Implicit Types A B : 'M[R]_(m, n).
Lemma trmxD A B : (A + B)^T = A^T + B^T. Proof. exact: linearD. Qed.
Lemma trmxN A : (- A)^T = - A^T. Proof. exact: linearN. Qed.
Lemma trmxZ a A : (a *: A)^T = a *: A^T. Proof. exact: linearZ. Qed.
End Transpose.

(* Multiply out: every product becomes a sum of scaled words a *: (A *m B *m ...). Scalings are
   found by matching, which is faster than a search. *)
Ltac forwards equation := first [rewrite -> equation | rewrite equation].

Ltac scalings :=
  repeat match goal with
  | |- context [GRing.scale ?a (GRing.add ?A ?B)] => forwards (scalerDr a A B)
  | |- context [GRing.scale ?a (GRing.opp ?A)] => forwards (scalerN a A)
  | |- context [GRing.scale ?a (GRing.scale ?b ?A)] => forwards (scalerA a b A)
  end.

Ltac products :=
  rewrite ?(mulmxDl, mulmxDr, mulmxN, mulNmx, mul0mx, mulmx0, mul_scalar_mx, mul_mx_scalar);
  rewrite -?(scalemxAl, scalemxAr) ?mulmxA; scalings.

Ltac words :=
  rewrite ?(trmx_mul, trmxD, trmxN, trmxZ, trmxK, trmx0, tr_scalar_mx);
  products; products; rewrite ?(scale1r, opprK).

(* Forget what the words are: they become letters. *)
Ltac letters :=
  repeat match goal with
  | |- context [@mulmx ?R ?m ?n ?p ?A ?B] => move: (@mulmx R m n p A B) => ?
  | |- context [@scalar_mx ?R ?n ?a] => move: (@scalar_mx R n a) => ?
  end.

(* An identity between linear combinations of words, entry by entry in the scalars. *)
Ltac linear_combination :=
  words; letters; apply/matrixP => ? ?; rewrite ?mxE;
  repeat match goal with
  | |- context [@fun_of_matrix ?R ?m ?n ?A ?i ?j] =>
    move: (@fun_of_matrix R m n A i j) => ?
  end.

Lemma trmx_number (R : ringType) (A : 'M[R]_1) : A^T = A.
Proof. by apply/matrixP => i j; rewrite mxE !ord1. Qed.

Lemma inner_product_sym (R : comRingType) d (a b : 'cV[R]_d) : a^T *m b = b^T *m a.
Proof. by rewrite -[LHS]trmx_number trmx_mul trmxK. Qed.

(* What a formula says at each of m queries, the rows of Q. *)
Definition at_queries (R : ringType) m d (f : 'cV[R]_d -> 'M[R]_1) (Q : 'M[R]_(m, d)) : 'cV[R]_m :=
  \col_t f (row t Q)^T 0 0.

Lemma at_queries_weights (R : comRingType) m d (w : 'cV[R]_d) (Q : 'M[R]_(m, d)) :
  at_queries (fun x => w^T *m x) Q = Q *m w.
Proof.
apply/colP => t; rewrite !mxE; apply: eq_bigr => j _.
by rewrite !mxE mulrC.
Qed.

Lemma iteri_iter T (f : nat -> T -> T) g x k : (forall i z, f i z = g z) -> iteri k f x = iter k g x.
Proof. by move=> fg; elim: k => //= k ->. Qed.

(* Example number i + 1 of a prompt, for any number. *)
Definition example_x (R : ringType) n d (X : 'M[R]_(n, d)) (i : nat) : 'cV[R]_d :=
  if insub i is Some j then (row j X)^T else 0.
Definition example_y (R : ringType) n (y : 'cV[R]_n) (i : nat) : R :=
  if insub i is Some j then y j 0 else 0.

Section Powers.
Variables (R : comRingType) (d : nat).
Implicit Types A S M T : 'M[R]_d.

(* A^k, also for d = 0, where MathComp has no ring of matrices. *)
Definition power A k := iter k (mulmx A) 1%:M.
Arguments power : simpl never.

Lemma powerS A k : power A k.+1 = A *m power A k.
Proof. by []. Qed.

Lemma power0 A : power A 0 = 1%:M.
Proof. by []. Qed.

Lemma powerD A j k : power A (j + k) = power A j *m power A k.
Proof. by elim: j => [|j IH]; rewrite ?mul1mx // addSn !powerS IH mulmxA. Qed.

Lemma power1 A : power A 1 = A.
Proof. by rewrite powerS mulmx1. Qed.

Lemma powerM A j k : power A (j * k) = power (power A j) k.
Proof. by elim: k => [|k IH]; rewrite ?muln0 // mulnS powerD IH. Qed.

Lemma powerSr A k : power A k.+1 = power A k *m A.
Proof. by rewrite -addn1 powerD power1. Qed.

(* 1 + A + ... + A^(k-1) *)
Definition geometric A k := \sum_(i < k) power A i.

Lemma geometricD A j k : geometric A (j + k) = geometric A j + power A j *m geometric A k.
Proof.
rewrite /geometric big_split_ord /= mulmx_sumr; congr (_ + _).
by apply: eq_bigr => i _; rewrite powerD.
Qed.

Lemma geometricS A k : geometric A k.+1 = 1%:M + A *m geometric A k.
Proof. by rewrite -add1n geometricD /geometric big_ord1 power1. Qed.

End Powers.
Arguments power : simpl never.

(* On matrices of size d + 1, which MathComp makes a ring, this is its own power. *)
Lemma power_exp (R : comRingType) d (A : 'M[R]_d.+1) k : power A k = A ^+ k.
Proof. by elim: k => [|k IH]; rewrite ?expr0 // powerS IH exprS. Qed.
