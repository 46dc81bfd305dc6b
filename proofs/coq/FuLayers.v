(* The layers that Fu et al. 2023 print: pairs of ReLU heads, averaged over the n tokens.
   Tokens are rows; a pair with scores U and -U and values V, W reads relu(U) V + relu(-U) W. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.algebra_tactics Require Import ring.
Require Import Matrices Relu.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Layers.
Variable F : realFieldType.

(* (1/n) (relu(U) V + relu(-U) W): what the tokens with scores U receive. *)
Definition rectified r n (U : 'M[F]_(r, n)) : 'M[F]_(r, n) := map_mx (@relu F) U.

Definition pair_read r n s (U : 'M[F]_(r, n)) (V W : 'M[F]_(n, s)) : 'M[F]_(r, s) :=
  n%:R^-1 *: (rectified U *m V + rectified (- U) *m W).

Lemma pair_read_linear r n s (U : 'M[F]_(r, n)) (V : 'M[F]_(n, s)) :
  pair_read U V (- V) = n%:R^-1 *: (U *m V).
Proof.
by rewrite /pair_read /rectified relu_opposite mulmxN -mulmxBl opprB addrC subrK.
Qed.

Definition magnitude r n (U : 'M[F]_(r, n)) : 'M[F]_(r, n) := \matrix_(i, j) `|U i j|.

Lemma pair_read_magnitude r n s (U : 'M[F]_(r, n)) (V : 'M[F]_(n, s)) :
  pair_read U V V = n%:R^-1 *: (magnitude U *m V).
Proof.
rewrite /pair_read -mulmxDl; congr (_ *: (_ *m _)).
by apply/matrixP => i j; rewrite !mxE relu_sum_is_abs.
Qed.

Lemma one_one : (1 + 1 == 0 :> F) = false.
Proof. exact: (pnatr_eq0 F 2). Qed.

(* Equation 21: for some examples the two heads do not give <x_t, x_j>: they give its absolute
   value. [refutes fu2023.eq21] *)
Theorem equation21_printed_fails :
  exists x x' : 'cV[F]_1, let u := (x^T *m x') 0 0 in relu u + relu (- u) <> u.
Proof.
exists 1%:M, (- 1%:M) => u; rewrite /u trmx1 mul1mx !mxE eqxx relu_sum_is_abs normrN1.
by move/eqP; rewrite -subr_eq0 opprK one_one.
Qed.

(* The repair: the second value is the negative of the first. [repairs fu2023.eq21] *)
Theorem equation21_repaired d (x x' : 'cV[F]_d) :
  let u := (x^T *m x') 0 0 in relu u - relu (- u) = u.
Proof. exact: relu_pair. Qed.

(* Lemma B.3: with the unit 1 as query and key every score is 1 and every token receives the sum
   of the h_j. o holds the unit 1 of each token. [supports fu2023.lemmaB3] *)
Theorem lemmaB3 n s (H : 'M[F]_(n.+1, s)) t :
  let o : 'cV[F]_n.+1 := const_mx 1 in
  row t (pair_read (o *m o^T) (n.+1%:R *: H) (n.+1%:R *: H)) = \sum_j row j H.
Proof.
move=> o; have -> : o *m o^T = const_mx 1.
  by apply/matrixP => i j; rewrite !mxE big_ord1 !mxE mulr1.
rewrite pair_read_magnitude -scalemxAr scalerA mulVf ?pnatr_eq0 // scale1r.
apply/rowP => j; rewrite !mxE summxE; apply: eq_bigr => i _.
by rewrite !mxE normr1 mul1r.
Qed.

Section Initialisation.
Variables (n d : nat) (X : 'M[F]_(n, d)) (alpha : F).

(* Equation 24: copy x, add the two heads with values V, W, subtract x. *)
Definition initialise (V W : 'M[F]_(n, d)) := X + pair_read (X *m X^T) V W - X.

Lemma initialise_read V W : initialise V W = pair_read (X *m X^T) V W.
Proof. by rewrite /initialise addrC addKr. Qed.

(* With V_2 = -V_1 the token becomes alpha S x. [repairs fu2023.eq24] *)
Theorem equation24_repaired :
  n%:R != 0 :> F ->
  initialise ((n%:R * alpha) *: X) (- ((n%:R * alpha) *: X)) = X *m (alpha *: (X^T *m X)).
Proof.
move=> nonzero; rewrite initialise_read pair_read_linear -!scalemxAr scalerA mulrA.
by rewrite mulVf // mul1r mulmxA.
Qed.
End Initialisation.

(* As printed, with equal values: x_1 = 1, x_2 = -1, alpha = 1 gives 0 instead of S x_1 = 2.
   [refutes fu2023.eq24] *)
Theorem equation24_printed_fails :
  exists (X : 'M[F]_(2, 1)) (alpha : F),
    let V := (2%:R * alpha) *: X in initialise X V V <> X *m (alpha *: (X^T *m X)).
Proof.
exists (\matrix_(i, j) (-1) ^+ i), 1 => V; rewrite /V mulr1 scale1r.
move/matrixP/(_ 0 0)/eqP; rewrite initialise_read pair_read_magnitude.
rewrite -scalemxAr scalerA mulVf ?pnatr_eq0 // scale1r.
rewrite !(mxE, big_ord_recl, big_ord0) /=.
rewrite !(expr0, expr1, mulr1, mul1r, addr0, normr1, normrN1, mulrN1, mulN1r, opprK, subrr).
by rewrite eq_sym one_one.
Qed.

Section Iteration.
Variables (n d : nat) (X : 'M[F]_(n, d)) (T : 'M[F]_d).

(* Equation 30: the rows of H are T x; query -(n/2) x, key and value T x; then the MLP doubles. *)
Definition iterate_layer (second : F) :=
  let H := X *m T^T in
  2%:R *: (H + pair_read ((- (n%:R / 2%:R)) *: (X *m H^T)) H (second *: H)).

(* With V_2 = -V_1 the token becomes (2T - T S T^T) x. [repairs fu2023.eq30] *)
Theorem equation30_repaired :
  n%:R != 0 :> F ->
  iterate_layer (-1) = X *m (2%:R *: T - T *m (X^T *m X) *m T^T)^T.
Proof.
move=> nonzero; have two : 2%:R != 0 :> F by rewrite pnatr_eq0.
rewrite /iterate_layer scaleN1r pair_read_linear.
by words; move: n%:R nonzero => size nonzero; linear_combination; field.
Qed.

(* Remark B.6: token x with examples X (t of them), query -x/2, no MLP. *)
Definition causal_layer (x : 'rV[F]_d) (second : F) :=
  let H := X *m T^T in
  x *m T^T + pair_read ((- (1 / 2%:R)) *: (x *m H^T)) H (second *: H).

(* With V_2 = -V_1: (T - T Sigma T^T / 2) x, Sigma = S / t, for one T in all tokens.
   [repairs fu2023.remarkB6] *)
Theorem remarkB6_repaired (x : 'rV[F]_d) :
  causal_layer x (-1) =
  x *m (T - 2%:R^-1 *: (T *m (n%:R^-1 *: (X^T *m X)) *m T^T))^T.
Proof.
rewrite /causal_layer scaleN1r pair_read_linear.
by words; move: n%:R^-1 => size; rewrite -[1 / _]/(1 * _) mul1r; linear_combination; ring.
Qed.

(* Equations 34 and 35: the sum over the y-tokens and the read-out. [supports fu2023.eq34] *)
Theorem equation34 (y : 'cV[F]_n) :
  \sum_j y j 0 *: (T *m (row j X)^T) = T *m (X^T *m y).
Proof.
rewrite mulmxA; apply/matrixP => i k; rewrite summxE !mxE; apply: eq_bigr => j _.
rewrite ord1 !mxE mulrC; congr (_ * _).
by apply: eq_bigr => l _; rewrite !mxE.
Qed.

(* <w, x> is x^T T X^T y for w = T X^T y. [supports fu2023.eq35] *)
Theorem equation35 (y : 'cV[F]_n) (x : 'cV[F]_d) :
  (T *m (X^T *m y))^T *m x = x^T *m (T *m (X^T *m y)).
Proof. exact: inner_product_sym. Qed.
End Iteration.

(* As printed, V_1 = V_2: at n = d = 1, x = T = 1, the layer gives 3, not 2T - TST = 1.
   [refutes fu2023.eq30] *)
Theorem equation30_printed_fails :
  exists X T : 'M[F]_1, iterate_layer X T 1 <> X *m (2%:R *: T - T *m (X^T *m X) *m T^T)^T.
Proof.
exists 1%:M, 1%:M; rewrite /iterate_layer !scale1r pair_read_magnitude !(trmx1, mulmx1, mul1mx).
rewrite invr1 scale1r trmxD trmxN trmxZ trmx1.
move/matrixP/(_ 0 0)/eqP; rewrite !mxE eqxx !mulr1 normrN ger0_norm ?divr_ge0 ?ler01 ?ler0n //.
rewrite -subr_eq0; set gap := (X in X == 0); have -> : gap = 2%:R.
  by rewrite /gap [true%:R]mulr1n; field; rewrite ?pnatr_eq0.
by rewrite pnatr_eq0.
Qed.

(* As printed at t = 2 > d = 1, x_1 = x_2 = T = 1: 3/2, not T - T Sigma T^T / 2 = 1/2.
   [refutes fu2023.remarkB6] *)
Theorem remarkB6_printed_fails :
  exists (X : 'M[F]_(2, 1)) (T : 'M[F]_1) (x : 'rV[F]_1),
    causal_layer X T x 1 <>
    x *m (T - 2%:R^-1 *: (T *m (2%:R^-1 *: (X^T *m X)) *m T^T))^T.
Proof.
exists (const_mx 1), 1%:M, 1%:M; rewrite /causal_layer !scale1r pair_read_magnitude !(trmx1, mulmx1, mul1mx).
rewrite trmxD trmxN !trmxZ trmx1.
move/matrixP/(_ 0 0)/eqP; rewrite !(mxE, big_ord_recl, big_ord0) eqxx !mulr1 normrN ger0_norm ?divr_ge0 ?ler01 ?ler0n //.
rewrite -subr_eq0; set gap := (X in X == 0); have -> : gap = 1.
  by rewrite /gap [true%:R]mulr1n; field; rewrite ?pnatr_eq0.
by rewrite oner_eq0.
Qed.
End Layers.
