(* Linear self-attention with the matrices that von Oswald et al. 2022 print (proposition 1).
   Tokens are columns e = (x, y) of sizes d and c; heads add P V E K^T q, E the context tokens. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.algebra_tactics Require Import ring.
Require Import Matrices.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import GRing.Theory.
Local Open Scope ring_scope.

Section VonOswald.
Variables (F : fieldType) (n d c : nat) (eta : F).
Notation token := ('cV[F]_(d + c)).
Notation square := ('M[F]_(d + c)).

(* e_j <- e_j + P (V E) (K E)^T (Q e_j), the context E having its n tokens as columns. *)
Definition self_attention p (E : 'M[F]_(d + c, n)) (W_K W_Q W_V P : square)
    (e : 'M[F]_(d + c, p)) :=
  e + P *m ((W_V *m E) *m (W_K *m E)^T *m (W_Q *m e)).

Definition key_query : square := block_mx 1%:M 0 0 0.
Definition value (W0 : 'M[F]_(c, d)) : square := block_mx 0 0 W0 (- 1%:M).
Definition project : square := (eta / n%:R)%:M.

Definition layer W0 p (E : 'M[F]_(d + c, n)) (e : 'M[F]_(d + c, p)) :=
  self_attention E key_query key_query (value W0) project e.

(* One gradient step of (1/2n) sum |W x_i - y_i|^2; X and Y have the examples as columns. *)
Definition change (X : 'M[F]_(d, n)) (Y : 'M[F]_(c, n)) W := - (eta / n%:R) *: ((W *m X - Y) *m X^T).

Lemma layer_on W0 X Y p (x : 'M[F]_(d, p)) (y : 'M[F]_(c, p)) :
  layer W0 (col_mx X Y) (col_mx x y) = col_mx x (y - change X Y W0 *m x).
Proof.
rewrite /layer /self_attention /key_query /value /project /change !mul_block_col.
rewrite !(mul0mx, mul1mx, addr0, mulNmx, mul1mx, add0r) tr_col_mx trmx0 mul_col_row.
rewrite mul_block_col !mulmx0 !(mul0mx, addr0, add0r) mul_scalar_mx scale_col_mx scaler0.
by rewrite add_col_mx addr0 -scalemxAl scaleNr opprK.
Qed.

(* Proposition 1: every token becomes (x_j, y_j - DW x_j). [supports vonoswald2022.prop1] *)
Theorem proposition1 W0 X Y :
  layer W0 (col_mx X Y) (col_mx X Y) = col_mx X (Y - change X Y W0 *m X).
Proof. exact: layer_on. Qed.

(* The query, entered as (x, -W_0 x), ends with minus the updated prediction.
   [supports vonoswald2022.prop1] *)
Theorem proposition1_query W0 X Y (x : 'cV[F]_d) :
  layer W0 (col_mx X Y) (col_mx x (- (W0 *m x))) = col_mx x (- ((W0 + change X Y W0) *m x)).
Proof. by rewrite layer_on mulmxDl opprD. Qed.

(* k such layers are k gradient steps W_{j+1} = W_j + DW(W_j), for context and query.
   [supports vonoswald2022.ksteps] *)
Theorem ksteps W0 X Y (x : 'cV[F]_d) k :
  let W := iter k (fun W => W + change X Y W) W0 in
  let both := iter k (fun Ee => (layer W0 Ee.1 Ee.1, layer W0 Ee.1 Ee.2))
                (col_mx X Y, col_mx x (- (W0 *m x))) in
  both = (col_mx X (Y - (W - W0) *m X), col_mx x (- (W *m x))).
Proof.
elim: k => [|k /= ->] /=; first by rewrite subrr mul0mx subr0.
set W := iter k _ W0; rewrite !layer_on.
have -> : change X (Y - (W - W0) *m X) W0 = change X Y W.
  rewrite /change; congr (_ *: (_ *m _)).
  by rewrite mulmxBl; linear_combination; ring.
by congr (col_mx _ _, col_mx _ _); linear_combination; ring.
Qed.

(* GD++: a second head also maps x_j to (I - gamma X X^T) x_j (columns; X^T X with rows), while y
   makes its step on the data that the layer finds. [supports vonoswald2022.gdpp] *)
Theorem gradient_descent_plus_plus (gamma : F) X Y p (x : 'M[F]_(d, p)) (y : 'M[F]_(c, p)) :
  let second : square := block_mx (- gamma%:M) 0 0 0 in
  let E := col_mx X Y in let e := col_mx x y in
  layer 0 E e + (self_attention E key_query key_query second 1%:M e - e) =
  col_mx ((1%:M - gamma *: (X *m X^T)) *m x) (y - change X Y 0 *m x).
Proof.
move=> second E e; rewrite /second /E /e layer_on /self_attention addrAC subrr add0r mul1mx /key_query !mul_block_col.
rewrite !(mul0mx, mul1mx, addr0) tr_col_mx trmx0 mul_col_row mul_block_col.
rewrite !(mul0mx, mulmx0, addr0) add_col_mx addr0; congr (col_mx _ _).
by linear_combination; ring.
Qed.
End VonOswald.
