(* Exact statements of Akyurek et al. 2022 that need no approximation: equation 11, the operator
   RAW and lemma 2, and the chains of theorems 1 and 2 when every operation is exact. *)
Require Import Prelude Matrices ShermanMorrison Layer Weights_akyurek2022.

Section OneStep.
Variables (F : fieldType) (d : nat) (x : 'cV[F]_d) (y alpha lambda : F).
Implicit Types w v : 'cV[F]_d.

(* L(w^T x, y) + lambda |w|^2 for the squared loss *)
Definition loss w := (number (x^T *m w) - y) ^+ 2 + lambda * number (w^T *m w).
Definition equation11_step w :=
  w - (2%:R * alpha) *: (number (x^T *m w) *: x - y *: x + lambda *: w).
Definition gradient w := 2%:R *: (number (x^T *m w) *: x - y *: x + lambda *: w).

Lemma numberD (A B : 'M[F]_1) : number (A + B) = number A + number B.
Proof. by rewrite /number mxE. Qed.

Lemma numberZ a (A : 'M[F]_1) : number (a *: A) = a * number A.
Proof. by rewrite /number mxE. Qed.

Lemma numberN (A : 'M[F]_1) : number (- A) = - number A.
Proof. by rewrite /number mxE. Qed.

(* Equation 11 is w - alpha * gradient, and this is the gradient: what is left of the loss's
   difference is quadratic in the displacement. [supports akyurek2022.eq11] *)
Theorem equation11 w v :
  equation11_step w = w - alpha *: gradient w /\
  loss (w + v) = loss w + number (v^T *m gradient w)
                 + (number (x^T *m v) ^+ 2 + lambda * number (v^T *m v)).
Proof.
split; first by rewrite /equation11_step /gradient scalerA [alpha * _]mulrC.
have vx : v^T *m x = x^T *m v by exact: inner_product_sym.
have vw : v^T *m w = w^T *m v by exact: inner_product_sym.
rewrite /loss /gradient; words; rewrite !(numberD, numberZ, numberN) vx vw.
move: (number (x^T *m w)) (number (x^T *m v)) (number (w^T *m w)) (number (w^T *m v)).
by move: (number (v^T *m v)) => a b c e f; ring.
Qed.

End OneStep.

(* The chains of theorems 1 and 2 with exact operations, on one example; weights are written from
   the operations that the claims run. *)
Section Chains.
Variables (F : realFieldType) (d : nat) (x x_t : 'cV[F]_d) (y alpha lambda : F).
Implicit Types w : 'cV[F]_d.

Lemma number_row w v : number (w^T *m v) = number (v^T *m w).
Proof. by rewrite inner_product_sym. Qed.

(* With W_2 = lambda in operation 6 the chain is equation 11, and predicts by it.
   [repairs akyurek2022.theorem1] *)
Theorem theorem1_chain_repaired w :
  akyurek2022_theorem1_repaired_weights x y alpha lambda w = equation11_step x y alpha lambda w /\
  akyurek2022_theorem1_repaired x x_t y alpha lambda w =
  number ((equation11_step x y alpha lambda w)^T *m x_t).
Proof.
have weights : akyurek2022_theorem1_repaired_weights x y alpha lambda w
    = equation11_step x y alpha lambda w.
  rewrite /akyurek2022_theorem1_repaired_weights /equation11_step -/(number (w^T *m x)) number_row.
  by rewrite !scale1r mul1r mulN1r mulNr scaleNr scalerBl.
by split; rewrite // -weights.
Qed.

(* As printed, W_2 = -lambda, it never is, unless alpha lambda w = 0.
   [refutes akyurek2022.theorem1] *)
Theorem theorem1_chain_printed_fails w :
  alpha != 0 -> lambda != 0 -> w != 0 ->
  akyurek2022_theorem1_sign_weights x y alpha lambda w <> equation11_step x y alpha lambda w.
Proof.
move=> alpha0 lambda0 w0; have [<- _] := theorem1_chain_repaired w.
have step0 : - 2%:R * alpha != 0 by rewrite mulNr oppr_eq0 mulf_neq0 ?pnatr_eq0.
rewrite /akyurek2022_theorem1_sign_weights /akyurek2022_theorem1_repaired_weights !scale1r !mulN1r.
move/addrI/(scalerI step0)/addrI/eqP; apply/negP.
rewrite -subr_eq0 -scalerBl scaler_eq0 negb_or w0 -opprD oppr_eq0 -mulr2n -mulr_natl.
by rewrite mulf_neq0 ?pnatr_eq0.
Qed.

Hypothesis positive : 0 < lambda.

(* The chain of theorem 2 makes (lambda I + x x^T)^-1 x y, and predicts by it; div divides by the
   absolute value. [supports akyurek2022.theorem2] *)
Theorem theorem2_chain :
  let ridge := invmx (lambda%:M + x *m x^T) *m x *m y%:M in
  akyurek2022_theorem2_weights x y lambda = ridge /\
  akyurek2022_theorem2 x x_t y lambda = number (ridge^T *m x_t).
Proof.
move=> ridge; suff weights : akyurek2022_theorem2_weights x y lambda = ridge.
  by split; rewrite // -weights.
have AP : lambda%:M *m (lambda^-1)%:M = 1%:M :> 'M[F]_d by rewrite -scalar_mxM mulfV // gt_eqF.
have start : @second_moment F d lambda [::] *m (lambda^-1)%:M = 1%:M.
  by rewrite /second_moment big_nil addr0.
have denominator0 := denominator positive x start.
rewrite /ridge /akyurek2022_theorem2_weights; cbv zeta.
rewrite !trmxK mul1r [X in `|X|]addrC !scale1r scaleN1r -/(number _).
rewrite (ger0_norm (ltW denominator0)) [RHS]mul_mx_scalar; congr (_ *: (_ *m _)).
rewrite (inverse_unique (rank_one_inverse AP (lt0r_neq0 denominator0))) /rank_one.
by rewrite !mulmxA.
Qed.
End Chains.

Section Raw.
Variables (F : fieldType) (T : nat).

(* RAW on token i: W_o ((W_a / |K(i)| sum over K(i) of h_j[r]) * (W h_i[s])), * being + or the
   entrywise product. Unit vectors h_j[r] are the columns of R, h_i[s] is s. *)
Definition raw a b c r (product : bool) (W_o : 'M[F]_(c, b)) (W_a : 'M[F]_(b, r))
    (W : 'M[F]_(b, a)) (K : {set 'I_T}) (R : 'M[F]_(r, T)) (s : 'cV[F]_a) : 'cV[F]_c :=
  let read := W_a *m (#|K|%:R^-1 *: \sum_(j in K) col j R) in
  W_o *m (if product then \matrix_(i, j) (read i j * (W *m s) i j) else read + W *m s).

(* mov is the RAW with K(t) = {s}, W_a = W_o = I, W = 0. [supports akyurek2022.lemma2] *)
Theorem lemma2_mov r a (R : 'M[F]_(r, T)) (own : 'cV[F]_a) s :
  raw false 1%:M 1%:M 0 [set s] R own = col s R.
Proof. by rewrite /raw big_set1 cards1 invr1 scale1r !mul1mx mul0mx addr0. Qed.

(* aff without its bias is the RAW with K(i) = {i}, W_a = W_1, W = W_2, W_o = I.
   [supports akyurek2022.lemma2] *)
Theorem lemma2_aff r a b (R : 'M[F]_(r, T)) (own : 'cV[F]_a) W1 (W2 : 'M[F]_(b, a)) i :
  raw false 1%:M W1 W2 [set i] R own = W1 *m col i R + W2 *m own.
Proof. by rewrite /raw big_set1 cards1 invr1 scale1r mul1mx. Qed.

(* dot is the RAW with the product, K(i) = {i}, W = W_a = I, W_o = 1^T.
   [supports akyurek2022.lemma2] *)
Theorem lemma2_dot r (R : 'M[F]_(r, T)) (own : 'cV[F]_r) i :
  raw true (const_mx 1 : 'M_(1, r)) 1%:M 1%:M [set i] R own = (col i R)^T *m own.
Proof.
rewrite /raw big_set1 cards1 invr1 scale1r !mul1mx.
by apply/matrixP => p q; rewrite !mxE; apply: eq_bigr => j _; rewrite !mxE mul1r ord1.
Qed.

(* aff with a bias b <> 0 is no RAW: at zero every RAW is zero. *)
Theorem lemma2_bias_fails a c (bias : 'cV[F]_c) :
  bias != 0 ->
  forall b r product (W_o : 'M[F]_(c, b)) (W_a : 'M[F]_(b, r)) (W : 'M[F]_(b, a)) K,
    exists R s, raw product W_o W_a W K R s <> bias.
Proof.
move=> nonzero b r product W_o W_a W K; exists 0, 0 => equal.
case/eqP: nonzero; rewrite -equal /raw big1; last by move=> j _; apply/colP => k; rewrite !mxE.
rewrite scaler0 !mulmx0 addr0; case: product {equal}; last exact: mulmx0.
rewrite (_ : \matrix_(i, j) _ = 0) ?mulmx0 //.
by apply/matrixP => i j; rewrite !mxE mul0r.
Qed.

(* Under the restriction that RAW itself states, j in K(i) only if j < i, K(i) = {i} is not
   allowed: aff and dot are RAWs only if a token may read itself. *)
Theorem lemma2_self_reading (i : 'I_T) : ~ (forall j, j \in [set i] -> (j < i)%N).
Proof. by move/(_ i); rewrite set11 ltnn => /(_ isT). Qed.
End Raw.
