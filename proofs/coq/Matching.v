(* Why layers that compose match Newton's steps linearly and gradient steps exponentially: Newton's
   iterates are gradient steps themselves, and a layer that composes three of its like triples
   their number. Notation: S = X^T X, b = X^T y; descent_step alpha is one gradient step. *)
Require Import Prelude Matrices Iterations.

Section Matching.
Variables (R : comRingType) (d : nat).
Implicit Types (S M P E : 'M[R]_d) (b w : 'cV[R]_d).

(* w <- E w + c from zero is (1 + E + ... + E^(m-1)) c. *)
Lemma affine_iterate E (c : 'cV[R]_d) m : iter m (fun w => E *m w + c) 0 = geometric E m *m c.
Proof.
elim: m => [|m IH]; first by rewrite /geometric big_ord0 mul0mx.
by rewrite iterS IH geometricS mulmxDl mul1mx addrC mulmxA.
Qed.

(* M_k = (1 + E + ... + E^(2^k - 1)) M_0 with E = I - M_0 S, whatever M_0 is. *)
Lemma newton_from S M0 k :
  newton_iterate S M0 k = geometric (1%:M - M0 *m S) (2 ^ k) *m M0.
Proof.
elim: k => [|k IH]; first by rewrite /geometric big_ord1 power0 mul1mx.
have E := newton_residual S M0 k.
rewrite expnS mul2n -addnn geometricD mulmxDl -mulmxA -E -IH.
by rewrite /newton_iterate iterS -/(newton_iterate _ _ _) /newton_update; linear_combination; ring.
Qed.

(* Two gradient steps, of size beta and of size - beta. *)
Definition there_and_back (beta : R) S b w := descent_step (- beta) S b (descent_step beta S b w).

Lemma there_and_backE beta S b w :
  there_and_back beta S b w =
  (1%:M - (beta ^+ 2 *: S) *m S) *m w + (beta ^+ 2 *: S) *m b.
Proof. by rewrite /there_and_back /descent_step; linear_combination; ring. Qed.

(* k Newton steps from M_0 = beta^2 S are 2^(k+1) gradient steps from zero, of sizes beta and - beta
   by turns: no second derivative is taken but in the composition of steps.
   [repairs fu2023.match] *)
Theorem newton_from_gram_is_descent beta S b k :
  newton_iterate S (beta ^+ 2 *: S) k *m b = iter (2 ^ k) (there_and_back beta S b) 0.
Proof.
rewrite newton_from -mulmxA -affine_iterate.
by apply: eq_iter => w; rewrite there_and_backE.
Qed.

(* A layer of deep_descent on the polynomial P that it stands for. *)
Definition tripled (alpha : R) S P :=
  let E := 1%:M - P *m S in P + E *m P + E *m (E *m P) + alpha *: (E *m (E *m E)).

(* The gradient steps that L such layers make: 0, 1, 4, 13, 40, ... *)
Definition steps_of (L : nat) := iter L (fun N => (3 * N).+1) 0%N.

Lemma steps_ofE L : (steps_of L).*2.+1 = (3 ^ L)%N.
Proof.
elim: L => // L IH; rewrite expnS -IH /steps_of iterS -/(steps_of L).
by rewrite mulnS doubleS -doubleMr add3n.
Qed.

Lemma tripled_geometric (alpha : R) S N :
  let P := alpha *: geometric (1%:M - alpha *: S) N in
  1%:M - P *m S = power (1%:M - alpha *: S) N ->
  tripled alpha S P = alpha *: geometric (1%:M - alpha *: S) (3 * N).+1.
Proof.
move=> P left; rewrite /tripled left.
have -> : (3 * N).+1 = (N + (N + (N + 1)))%N by rewrite !mulSn mul0n addn0 addn1 !addnS.
rewrite !geometricD {4}/geometric big_ord1 power0 mulmx1 !(scalerDr, mulmxDr) -!scalemxAr.
by rewrite !addrA.
Qed.

Lemma descent_left (alpha : R) S N :
  1%:M - (alpha *: geometric (1%:M - alpha *: S) N) *m S = power (1%:M - alpha *: S) N.
Proof.
set E := 1%:M - alpha *: S.
elim: N => [|N IH]; first by rewrite /geometric big_ord0 scaler0 mul0mx subr0 power0.
rewrite geometricS powerS -IH mulmxBr mulmx1 scalerDr mulmxDl opprD addrA.
by rewrite -scalemxAl mul1mx -/E -!scalemxAl -scalemxAr mulmxA.
Qed.

(* L layers are (3^L - 1)/2 gradient steps of size alpha from zero, for every L, n and d: a model
   that does gradient descent and nothing else multiplies its steps by three a layer.
   [supports deep_descent] *)
Theorem layers_are_descent alpha S b L :
  iter L (tripled alpha S) 0 *m b = descent_iterate alpha S b 0 (steps_of L).
Proof.
rewrite descent_closed scalemxAl; congr (_ *m b).
elim: L => [|L IH]; first by rewrite /geometric big_ord0 scaler0.
by rewrite iterS IH tripled_geometric // descent_left.
Qed.
End Matching.
