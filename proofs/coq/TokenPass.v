(* The witness `sherman_morrison` with storage "tokens": token t carries P x_t and y_t - w^T x_t,
   and two layers absorb one example. The weights are written from the witness that runs. *)
Require Import Prelude Matrices ShermanMorrison Layer Weights_sherman_morrison.

Section Gates.
Variables (F : fieldType) (n : nat).

(* The gate of example i: 1 at its own place, 0 elsewhere. *)
Definition gate (i : 'I_n) : 'M[F]_n := delta_mx i i.

Lemma gate_gate i : gate i *m gate i = gate i.
Proof. exact: mul_delta_mx. Qed.

Lemma gate_sym i : (gate i)^T = gate i.
Proof. exact: trmx_delta. Qed.

Lemma gate_split i : gate i = (delta_mx i 0 : 'M_(n, 1)) *m delta_mx 0 i.
Proof. by rewrite mul_delta_mx. Qed.

Lemma gated_square a b (A : 'M[F]_(a, n)) (B : 'M[F]_(n, b)) i :
  A *m gate i *m B = col i A *m row i B.
Proof. by rewrite gate_split rowE colE !mulmxA. Qed.

Lemma gated_entry (A : 'M[F]_n) i : gate i *m A *m gate i = A i i *: gate i.
Proof.
rewrite [in LHS]gate_split -!mulmxA [delta_mx 0 i *m _]mulmxA -rowE gate_split.
rewrite [row i A *m _]mulmxA -[row i A *m _]colE [col i _]mx11_scalar mul_scalar_mx -scalemxAr.
by rewrite !mxE.
Qed.

(* Normalised attention on a gated score s: s / (s + 1) at the example, 0 elsewhere. *)
Lemma normalised_gate relu (s : F) i :
  weights relu (Normalised true) (s *: gate i) = (s / (s + 1)) *: gate i.
Proof.
apply/matrixP => t j; rewrite !mxE.
have [ti|ti] := eqVneq t i; last by rewrite /= mulr0 mul0r mulr0.
rewrite ti (bigD1 i) //= big1 => [|k ki]; last by rewrite !mxE eqxx (negPf ki) mulr0.
rewrite !mxE eqxx addr0 mulr1; case: (j == i); first by rewrite !mulr1.
by rewrite !mulr0 mul0r.
Qed.

Lemma normalised_zero relu r p : weights relu (Normalised true) (0 : 'M[F]_(r, p)) = 0.
Proof. by apply/matrixP => t j; rewrite !mxE mul0r. Qed.

(* Products with the one-hot of position i, and with ones. *)
Definition one_hot : 'M[F]_(n, n) := \matrix_(t, j) ((0 + t)%N == j)%:R.

Lemma hadamard_spread c (A : 'M[F]_(n, c)) (i : 'I_n) k :
  i = k :> nat ->
  hadamard A (\matrix_(t, _) (if insub k is Some j then one_hot t j else 0)) = gate i *m A.
Proof.
move=> <-; rewrite valK /gate; apply/matrixP => t s; rewrite !mxE (bigD1 i) //= big1 => [|j ji].
  rewrite !mxE add0n addr0 eqxx andbT; have [->|ti] := eqVneq t i.
    by rewrite eqxx mulr1 mul1r.
  by rewrite (negPf (ti : t != i :> nat)) mulr0 mul0r.
by rewrite !mxE (negPf ji) andbF mul0r.
Qed.
End Gates.

Section Ones.
Variable F : fieldType.

Lemma hadamard1 p c (A : 'M[F]_(p, c)) :
  hadamard A (\matrix_(t, i) (const_mx 1 : 'M_(p, 1)) t 0) = A.
Proof. by apply/matrixP => t i; rewrite !mxE mulr1. Qed.

Lemma hadamard_one p (A : 'M[F]_(p, 1)) : hadamard A (const_mx 1) = A.
Proof. by apply/matrixP => t i; rewrite !mxE mulr1. Qed.

Lemma hadamard_unspread n p c (A : 'M[F]_(p, c)) k :
  hadamard A (\matrix_(t, _) (if insub k is Some j then (0 : 'M_(p, n)) t j else 0)) = 0.
Proof. by apply/matrixP => t s; rewrite !mxE; case: insub => [j|]; rewrite ?mxE mulr0. Qed.
End Ones.

Section Pass.
Variables (F : fieldType) (relu : F -> F) (lambda : F).
Variables (n m d : nat) (X : 'M[F]_(n, d)) (y : 'cV[F]_n) (Q : 'M[F]_(m, d)).
Notation prompt := (tokens F d n n m).

Definition gated (h : stream F d n n) G (a : F) P w :=
  [/\ h Vector "gx" = G *m X, h Vector "gz" = a *: (G *m X *m P)
    & h Scalar "gr" = a *: (G *m (y - X *m w))].

(* P and w so far; G gates an example, its copies divided by 1/a. *)
Definition pass_holds (all : prompt) (P : 'M[F]_d) (w : 'cV[F]_d) (G : 'M[F]_n) (a : F) :=
  [/\ [/\ context all Vector "x" = X, context all Vector "z" = X *m P,
          context all Scalar "r" = y - X *m w, context all Scalar "one" = const_mx 1
        & context all Positions "position" = one_hot F n],
      gated (context all) G a P w,
      [/\ queries all Vector "x" = Q, queries all Vector "z" = Q *m P,
          queries all Scalar "r" = - (Q *m w), queries all Scalar "one" = const_mx 1
        & queries all Positions "position" = 0]
    & [/\ queries all Vector "gx" = 0, queries all Vector "gz" = 0 & queries all Scalar "gr" = 0]].

Definition divide := take 1 (sherman_morrison_tokens_step F d 0).
Definition update i := drop 1 (sherman_morrison_tokens_step F d i).

Lemma pass_embedded (i : 'I_n) : i = 0%N :> nat ->
  pass_holds
    (run relu n (sherman_morrison_tokens_start F d)
       (embed n (sherman_morrison_tokens d lambda 0) X y Q))
    (lambda^-1)%:M 0 (gate F i) 1.
Proof.
move=> i0.
have far : \matrix_(t, j) ((n + t)%N == j)%:R = 0 :> 'M[F]_(m, n).
  apply/matrixP => t j; rewrite !mxE; case: eqP => // nt; have := ltn_ord j.
  by rewrite -nt ltnNge leq_addr.
rewrite /pass_holds /gated /sherman_morrison_tokens /sherman_morrison_tokens_start.
rewrite /sherman_morrison_tokens_embedding.
split; split; execute; rewrite ?far -/(one_hot F n).
all: rewrite ?hadamard1 ?hadamard_one ?hadamard_unspread ?(@hadamard_spread _ _ _ _ i) //.
all: rewrite ?scale1r ?scaler0 ?addr0 ?add0r ?mulmx0 ?subr0 ?oppr0 //; words => //.
Qed.

Variables (P : 'M[F]_d) (w : 'cV[F]_d) (i : 'I_n).
Let x := (row i X)^T.
Let s := number (x^T *m P *m x).
Hypothesis regular : 1 + s != 0.

Lemma own_score : gate F i *m X *m P *m (gate F i *m X)^T = s *: gate F i.
Proof.
rewrite trmx_mul gate_sym !mulmxA.
have -> : gate F i *m X *m P *m X^T *m gate F i = gate F i *m (X *m P *m X^T) *m gate F i.
  by rewrite !mulmxA.
rewrite gated_entry /s /x trmxK /number; congr (_ *: _).
rewrite !mxE; apply: eq_bigr => k _; rewrite -row_mul !mxE.
by [].
Qed.

(* Layer 1: the gated copies are divided by 1 + x^T P x. *)
Lemma divide_holds all :
  pass_holds all P w (gate F i) 1 -> pass_holds (run relu n divide all) P w (gate F i) (1 + s)^-1.
Proof.
case: all => c q [] /= [cx cz cr co ch] [gx gz gr] [qx qz qr qo qh] [hx hz hr].
rewrite /pass_holds /gated /divide /take /sherman_morrison_tokens_step; split; split; execute.
all: rewrite ?cx ?cz ?cr ?co ?ch ?gx ?gz ?gr ?qx ?qz ?qr ?qo ?qh ?hx ?hz ?hr //.
all: rewrite ?mul0mx ?normalised_zero ?mul0mx ?addr0 //.
all: rewrite !scale1r own_score normalised_gate; words; rewrite !gate_gate.
all: linear_combination; move: regular; rewrite [1 + s]addrC; move: s => share nonzero.
all: by field.
Qed.

Lemma gate_outer b (B : 'M[F]_(n, b)) : (gate F i *m X)^T *m (gate F i *m B) = x *m row i B.
Proof. by rewrite trmx_mul gate_sym mulmxA -(mulmxA X^T) gate_gate gated_square /x tr_row. Qed.

Lemma direction : rank_one P x x^T *m x = (1 + s)^-1 *: (P *m x).
Proof.
have xPx : x^T *m P *m x = s%:M by exact: number_scalar.
rewrite /rank_one -/s mulmxBl -scalemxAl -!mulmxA [x^T *m (P *m x)]mulmxA xPx.
rewrite !mul_mx_scalar -scalemxAr; move: (P *m x) => v.
by linear_combination; move: regular; move: s => share nonzero; field.
Qed.

Lemma new_rows r (Z : 'M[F]_(r, d)) :
  Z *m P + Z *m P *m (gate F i *m X)^T *m (-1 *: ((1 + s)^-1 *: (gate F i *m X *m P))) =
  Z *m rank_one P x x^T.
Proof.
rewrite scaleN1r mulmxN -scalemxAr -(mulmxA (gate F i)) -(mulmxA (Z *m P)) gate_outer row_mul.
by rewrite /rank_one -/s /x trmxK mulmxBr -scalemxAr !mulmxA.
Qed.

Lemma new_residuals r (Z : 'M[F]_(r, d)) :
  Z *m P *m (gate F i *m X)^T *m (-1 *: ((1 + s)^-1 *: (gate F i *m (y - X *m w)))) =
  - (Z *m ((y i 0 - number (x^T *m w)) *: (rank_one P x x^T *m x))).
Proof.
rewrite scaleN1r mulmxN -scalemxAr -(mulmxA (Z *m P)) gate_outer direction; congr (- _).
have -> : row i (y - X *m w) = (y i 0 - number (x^T *m w))%:M.
  by rewrite /x trmxK -row_mul [LHS]mx11_scalar /number !mxE.
by rewrite mul_mx_scalar -!scalemxAr !scalerA mulrC mulmxA.
Qed.

(* Layer 2: every token's P x_t and y_t - w^T x_t are those of the new state. *)
Lemma update_holds all (next : 'I_n) :
  next = i.+1 :> nat -> pass_holds all P w (gate F i) (1 + s)^-1 ->
  let: (P', w') := absorb (P, w) (x, y i 0) in
  pass_holds (run relu n (update i) all) P' w' (gate F next) 1.
Proof.
move=> following.
case: all => c q [] /= [cx cz cr co ch] [gx gz gr] [qx qz qr qo qh] [hx hz hr].
rewrite /pass_holds /gated /update /drop /sherman_morrison_tokens_step; split; split; execute.
all: rewrite ?cx ?cz ?cr ?co ?ch ?gx ?gz ?gr ?qx ?qz ?qr ?qo ?qh ?hx ?hz ?hr //.
all: rewrite ?hadamard1 ?hadamard_one ?hadamard_unspread ?(@hadamard_spread _ _ _ _ next) //.
all: try by rewrite following addn1.
all: rewrite ?new_rows ?new_residuals ?mulmxDr ?opprD ?addrA //.
all: rewrite ?scaleN1r ?oppr0 ?addNr ?addr0 ?add0r ?addrA ?subrr ?add0r ?mulmxA ?scale1r //.
all: by rewrite mulmxDr addrA.
Qed.

(* The last example only clears its gated copies; the prediction is read from the queries. *)
Lemma last_holds all :
  pass_holds all P w (gate F i) (1 + s)^-1 ->
  queries (run relu n (drop 1 (sherman_morrison_tokens_end F d)) all) Scalar "r" =
  - (Q *m (absorb (P, w) (x, y i 0)).2).
Proof.
case: all => c q [] /= [cx cz cr co ch] [gx gz gr] [qx qz qr qo qh] [hx hz hr].
rewrite /drop /sherman_morrison_tokens_end; execute.
by rewrite ?cx ?cz ?cr ?gx ?gz ?gr ?qx ?qz ?qr new_residuals mulmxDr opprD.
Qed.
End Pass.

(* The formula, written from proofs.references, is a pass over the examples: ridge regression. *)
Section Formula.
Variables (F : realFieldType) (lambda : F).
Hypothesis positive : 0 < lambda.
Variables (n m d : nat) (X : 'M[F]_(n, d)) (y : 'cV[F]_n) (Q : 'M[F]_(m, d)).

Lemma sherman_morrison_formulaE :
  sherman_morrison_matrix_formula lambda X y Q n =
  Q *m (invmx (lambda%:M + X^T *m X) *m (X^T *m y)).
Proof.
have reaches i : (i <= n)%N ->
    iteri i (sherman_morrison_matrix_formula_step X y) (sherman_morrison_matrix_formula_start d lambda)
    = state lambda X y i.
  elim: i => [|i IH] small /=.
    by rewrite /state take0 /pass /= /sherman_morrison_matrix_formula_start scalemx1.
  rewrite IH ?(ltnW small) // (stateS lambda X y (Ordinal small)).
  by case: (state _ _ _ i) => P w; rewrite /= /example_x /example_y insubT.
rewrite /sherman_morrison_matrix_formula reaches // /state take_oversize.
  by rewrite /prompt_examples (pass_is_ridge positive) at_queries_weights.
by rewrite size_map size_enum_ord.
Qed.
End Formula.
