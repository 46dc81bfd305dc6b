(* The layers that Fu et al. 2023 print, and their repairs: pairs of ReLU heads, averaged over the n
   tokens. Weights are written from the builders that the claims run, for every n. Tokens are rows;
   a pair with scores U and -U and values V, W reads relu(U) V + relu(-U) W. *)
Require Import Prelude Matrices Layer Weights_fu2023 Relu Interleaved.

Section Layers.
Variable F : realFieldType.
Local Notation relu := (@Relu.relu F).

(* (1/n) (relu(U) V + relu(-U) W): what the tokens with scores U receive. *)
Definition rectified r n (U : 'M[F]_(r, n)) : 'M[F]_(r, n) := map_mx relu U.

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

(* As the heads have it, the scores of the second being those of the first with opposite keys. *)
Lemma pairs r n d s (A : 'M[F]_(r, d)) (B : 'M[F]_(n, d)) (V W : 'M[F]_(n, s)) :
  map_mx relu (A *m B^T) *m (n%:R^-1 *: V) + map_mx relu (A *m (- 1 *: B)^T) *m (n%:R^-1 *: W) =
  pair_read (A *m B^T) V W.
Proof. by rewrite /pair_read scaleN1r trmxN mulmxN -!scalemxAr scalerDr. Qed.

Lemma one_one : (1 + 1 == 0 :> F) = false.
Proof. exact: (pnatr_eq0 F 2). Qed.

(* Tokens that hold `top` and x, the unit 1 and their number. *)
Definition stream_of d p (first : nat) (top x : 'M[F]_(p, d)) : stream F d 0 p :=
  fun s => match s return string -> 'M[F]_(p, size d 0 s) with
  | Scalar => fun name =>
      if String.eqb name "one" then const_mx 1
      else if String.eqb name "index" then \matrix_(t, _) (first + t)%:R else 0
  | Vector => fun name =>
      if String.eqb name "top" then top else if String.eqb name "h" then top
      else if String.eqb name "x" then x else 0
  | _ => fun _ => 0
  end.

(* x_1, ..., x_n alone: all further tokens, m of them, are zero. They are keys like the others. *)
Definition alone d n m (top x : 'M[F]_(n, d)) : tokens F d 0 n m :=
  Tokens (stream_of 0 top x) (stream_of n 0 0).

Hint Unfold alone stream_of : weights.

(* Zero tokens among the keys change nothing. *)
Ltac examples_only :=
  rewrite ?(scale_col_mx, add_col_mx, tr_col_mx, mul_mx_row, add_row_mx, map_row_mx, mul_row_col);
  rewrite ?(scaler0, mulmx0, addr0).

(* Equation 21: for some examples the two heads do not give <x_t, x_j>: they give its absolute
   value. [refutes fu2023.eq21] *)
Theorem equation21_printed_fails :
  exists X Q : 'M[F]_1, predict relu 0 (fu2023_eq21_printed F 1) X 0 Q <> Q *m X^T.
Proof.
exists 1%:M, (- 1%:M); rewrite /predict /=; execute.
rewrite pairs pair_read_magnitude trmx1 !mulmx1 invr1 !scale1r.
move/matrixP/(_ 0 0)/eqP; rewrite !mxE big_ord1 !mxE eqxx normrN1 mulr1.
by rewrite -subr_eq0 opprK one_one.
Qed.

(* The repair: the second value is the negative of the first. [repairs fu2023.eq21] *)
Theorem equation21_repaired d m (X : 'M[F]_(1, d)) y (Q : 'M[F]_(m, d)) :
  predict relu 0 (fu2023_eq21_repaired F d) X y Q = Q *m X^T.
Proof.
rewrite /predict /=; execute; rewrite pairs scaleN1r pair_read_linear invr1 scale1r.
by rewrite (_ : const_mx 1 = 1%:M) ?mulmx1 //; apply/matrixP => i j; rewrite !mxE !ord1.
Qed.

(* Lemma B.3: with the unit 1 as query and key every score is 1 and every token receives the sum
   of the h_j. [supports fu2023.lemmaB3] *)
Theorem lemmaB3 n m d (H : 'M[F]_(n.+1, d)) t :
  row t (context (run relu n.+1 (fu2023_lemmaB3_layers F d n.+1) (alone m H 0)) Vector "sum") =
  \sum_j row j H.
Proof.
execute; examples_only; rewrite pairs pair_read_magnitude.
have -> : magnitude (const_mx 1 *m (const_mx 1 : 'cV[F]_n.+1)^T) = const_mx 1.
  by move=> p; apply/matrixP => i j; rewrite !mxE big_ord1 !mxE mulr1 normr1.
rewrite -scalemxAr scalerA mulVf ?pnatr_eq0 // scale1r.
apply/rowP => j; rewrite !mxE summxE; apply: eq_bigr => i _.
by rewrite !mxE mul1r.
Qed.

Section Initialisation.
Variables (n m d : nat) (X : 'M[F]_(n, d)) (alpha : F).
Hypothesis nonzero : n%:R != 0 :> F.

(* mov: every token gets its own x below itself. *)
Lemma moved :
  let all := run relu n (take 1 (fu2023_eq24_printed_layers d n alpha)) (alone m X 0) in
  [/\ context all Vector "top" = X, context all Vector "x" = X & queries all Vector "top" = 0].
Proof.
have own : (\matrix_(t, j) ((0 + j == 0 + t)%N)%:R : 'M[F]_n) = 1%:M.
  by apply/matrixP => t j; rewrite !mxE eq_sym.
split; rewrite /take /fu2023_eq24_printed_layers; execute => //; examples_only.
rewrite -!addrA (@read_numbered _ _ _ _ (fun t => 0 + t)%N (fun j : 'I_n => 0 + j)%N).
- by rewrite own mul1mx scalerA mulVf // scale1r.
all: move=> ? ?; rewrite ?mxE ?big_ord1 ?mxE ?mulrS; try by ring.
Qed.

(* Equation 24: copy x, add the two heads with values V and W, subtract x. *)
Definition initialised layers := context (run relu n layers (alone m X 0)) Vector "top".

Ltac after_mov layers :=
  rewrite /initialised -(cat_take_drop 1 layers) run_cat; have [] := moved;
  case: (run _ _ (take 1 _) _) => c q /= ? ? ?; autounfold with weights; rewrite /drop; execute; put_slots;
  examples_only; rewrite -(addrA X) pairs scaleN1r addrC addKr.

Lemma printed_read : let V := (alpha * n%:R) *: X in
  initialised (fu2023_eq24_printed_layers d n alpha) = pair_read (X *m X^T) V V.
Proof. by after_mov (fu2023_eq24_printed_layers d n alpha). Qed.

(* With V_2 = -V_1 the token becomes alpha S x. [repairs fu2023.eq24] *)
Theorem equation24_repaired :
  initialised (fu2023_eq24_repaired_layers d n alpha) = X *m (alpha *: (X^T *m X)).
Proof.
after_mov (fu2023_eq24_repaired_layers d n alpha); rewrite !mulN1r mulNr scaleNr pair_read_linear -!scalemxAr scalerA mulrCA.
by rewrite mulVf // mulr1 mulmxA.
Qed.
End Initialisation.

(* As printed, with equal values: x_1 = 1, x_2 = -1, alpha = 1 gives 0 instead of S x_1 = 2.
   [refutes fu2023.eq24] *)
Theorem equation24_printed_fails m :
  exists (X : 'M[F]_(2, 1)) (alpha : F),
    initialised m X (fu2023_eq24_printed_layers 1 2 alpha) <> X *m (alpha *: (X^T *m X)).
Proof.
exists (\matrix_(i, j) (-1) ^+ i), 1.
rewrite printed_read ?pnatr_eq0 // mul1r scale1r.
move/matrixP/(_ 0 0)/eqP; rewrite pair_read_magnitude.
rewrite -scalemxAr scalerA mulVf ?pnatr_eq0 // scale1r.
rewrite !(mxE, big_ord_recl, big_ord0) /=.
rewrite !(expr0, expr1, mulr1, mul1r, addr0, normr1, normrN1, mulrN1, mulN1r, opprK, subrr).
by rewrite eq_sym one_one.
Qed.

Section Iteration.
Variables (n m d : nat) (X : 'M[F]_(n, d)) (T : 'M[F]_d).

(* Equation 30: on tokens T x_t, below them x_t; the rows of H are T x. *)
Definition iterated layers := context (run relu n layers (alone m (X *m T^T) X)) Vector "top".

Lemma iterated_read second L :
  L = fu2023_eq30_printed_layers F d n /\ second = 1 \/
  L = fu2023_eq30_repaired_layers F d n /\ second = -1 ->
  let H := X *m T^T in
  iterated L = 2%:R *: (H + pair_read ((- (n%:R / 2%:R)) *: (X *m H^T)) H (second *: H)).
Proof.
have halves : - (1 / 2%:R) * n%:R = - (n%:R / 2%:R) :> F by rewrite mulNr mulrAC mul1r.
by case=> -[-> ->]; rewrite /iterated; execute; examples_only; rewrite -(addrA (X *m T^T)) pairs;
  rewrite -scalemxAl halves ?scale1r scaler_nat mulr2n.
Qed.

(* With V_2 = -V_1 the token becomes (2T - T S T^T) x. [repairs fu2023.eq30] *)
Theorem equation30_repaired :
  n%:R != 0 :> F ->
  iterated (fu2023_eq30_repaired_layers F d n) = X *m (2%:R *: T - T *m (X^T *m X) *m T^T)^T.
Proof.
move=> nonzero; have two : 2%:R != 0 :> F by rewrite pnatr_eq0.
rewrite (iterated_read (or_intror (conj erefl erefl))) scaleN1r pair_read_linear.
by words; move: n%:R nonzero => size nonzero; linear_combination; field.
Qed.

(* Remark B.6: token x, whose causal heads read the examples X, t = n of them; query -x/2, no MLP. *)
Definition read_by (x : 'rV[F]_d) layers :=
  queries (run relu n layers
    (Tokens (stream_of 0 (X *m T^T) X) (stream_of n (x *m T^T) x))) Vector "top".

Lemma causal_read second x L :
  L = fu2023_remarkB6_printed_layers F d /\ second = 1 \/
  L = fu2023_remarkB6_repaired_layers F d /\ second = -1 ->
  let H := X *m T^T in
  read_by x L = x *m T^T + pair_read ((- (1 / 2%:R)) *: (x *m H^T)) H (second *: H).
Proof.
by case=> -[-> ->]; rewrite /read_by; execute; rewrite -(addrA (x *m T^T)) pairs -scalemxAl ?scale1r.
Qed.

(* With V_2 = -V_1: (T - T Sigma T^T / 2) x, Sigma = S / t, for one T in all tokens.
   [repairs fu2023.remarkB6] *)
Theorem remarkB6_repaired (x : 'rV[F]_d) :
  read_by x (fu2023_remarkB6_repaired_layers F d) =
  x *m (T - 2%:R^-1 *: (T *m (n%:R^-1 *: (X^T *m X)) *m T^T))^T.
Proof.
rewrite (causal_read _ (or_intror (conj erefl erefl))) scaleN1r pair_read_linear.
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
Theorem equation30_printed_fails m :
  exists X T : 'M[F]_1,
    iterated m X T (fu2023_eq30_printed_layers F 1 1) <>
    X *m (2%:R *: T - T *m (X^T *m X) *m T^T)^T.
Proof.
exists 1%:M, 1%:M; rewrite (iterated_read _ _ _ (or_introl (conj erefl erefl))).
rewrite !scale1r pair_read_magnitude !(trmx1, mulmx1, mul1mx).
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
    read_by X T x (fu2023_remarkB6_printed_layers F 1) <>
    x *m (T - 2%:R^-1 *: (T *m (2%:R^-1 *: (X^T *m X)) *m T^T))^T.
Proof.
exists (const_mx 1), 1%:M, 1%:M; rewrite (causal_read _ _ _ (or_introl (conj erefl erefl))).
rewrite !scale1r pair_read_magnitude !(trmx1, mulmx1, mul1mx).
rewrite trmxD trmxN !trmxZ trmx1.
move/matrixP/(_ 0 0)/eqP; rewrite !(mxE, big_ord_recl, big_ord0) eqxx !mulr1 normrN ger0_norm ?divr_ge0 ?ler01 ?ler0n //.
rewrite -subr_eq0; set gap := (X in X == 0); have -> : gap = 1.
  by rewrite /gap [true%:R]mulr1n; field; rewrite ?pnatr_eq0.
by rewrite oner_eq0.
Qed.
End Layers.
