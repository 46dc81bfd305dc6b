(* Ridge regression one example at a time (Akyurek et al. 2022, equation 14 and theorem 2). *)
Require Import Prelude Matrices.

Lemma number_scalar (R : ringType) (A : 'M[R]_1) : A = (A 0 0)%:M.
Proof. exact: mx11_scalar. Qed.

Lemma inverse_unique (F : fieldType) d (A B : 'M[F]_d) : A *m B = 1%:M -> invmx A = B.
Proof.
move=> AB; have [unitA _] := mulmx1_unit AB.
by rewrite -[invmx A]mulmx1 -AB mulKmx.
Qed.

Section RankOne.
Variables (F : fieldType) (d : nat).
Implicit Types (A P : 'M[F]_d) (u x : 'cV[F]_d) (v : 'rV[F]_d).

Definition number (A : 'M[F]_1) : F := A 0 0.

(* P - P u v P / (1 + v P u) *)
Definition rank_one P u v := P - (1 + number (v *m P *m u))^-1 *: (P *m u *m v *m P).

Lemma rank_one_inverse A P u v :
  A *m P = 1%:M -> 1 + number (v *m P *m u) != 0 -> (A + u *m v) *m rank_one P u v = 1%:M.
Proof.
move=> AP; rewrite /rank_one; set c := number _ => nonzero.
have vPu : v *m P *m u = c%:M by exact: number_scalar.
have swap : u *m v *m P *m u *m v *m P = c *: (u *m v *m P).
  by rewrite -[u *m v *m P]mulmxA -[_ *m u in LHS]mulmxA vPu mul_mx_scalar -!scalemxAl mulmxA.
rewrite mulmxDl !mulmxDr !mulmxN -!scalemxAr !mulmxA AP mul1mx swap.
move: (u *m v *m P) => Q; apply/matrixP => i j; rewrite !mxE.
by move: (Q i j) (_ *+ _) => q e; move: c nonzero {vPu swap} => c nonzero; field.
Qed.

(* The Sherman-Morrison formula: (A + u v)^-1 = A^-1 - A^-1 u v A^-1 / (1 + v A^-1 u). [supports sherman_morrison] *)
Theorem sherman_morrison_formula A u v :
  A \in unitmx -> 1 + number (v *m invmx A *m u) != 0 ->
  invmx (A + u *m v) = rank_one (invmx A) u v.
Proof.
by move=> unitA nonzero; apply: inverse_unique; apply: rank_one_inverse; rewrite ?mulmxV.
Qed.

(* Equation 14 as printed: (lambda I + x x^T)^-1 x y = (I/lambda - ...) x y.
   [supports akyurek2022.eq14] *)
Theorem equation14 (lambda : F) x (y : F) :
  lambda != 0 -> 1 + number (x^T *m (lambda^-1)%:M *m x) != 0 ->
  invmx (lambda%:M + x *m x^T) *m x *m y%:M =
  ((lambda^-1)%:M - (1 + number (x^T *m (lambda^-1)%:M *m x))^-1 *:
     ((lambda^-1)%:M *m x *m x^T *m (lambda^-1)%:M)) *m x *m y%:M.
Proof.
move=> nonzero regular; congr (_ *m _ *m _); apply: inverse_unique.
by apply: rank_one_inverse => //; rewrite -scalar_mxM mulfV.
Qed.

(* One example: P' = (P^-1 + x x^T)^-1 and w' = w + P' x (y - x^T w). *)
Definition absorb (state : 'M[F]_d * 'cV[F]_d) (example : 'cV[F]_d * F) :=
  let: (P, w) := state in let: (x, y) := example in
  let P' := rank_one P x x^T in
  (P', w + (y - number (x^T *m w)) *: (P' *m x)).

(* If w = P b with A P = I, then w' = P' (b + y x): the new ridge solution. *)
Lemma absorb_weights A P w b x (y : F) :
  A *m P = 1%:M -> w = P *m b -> 1 + number (x^T *m P *m x) != 0 ->
  (absorb (P, w) (x, y)).2 = rank_one P x x^T *m (b + y *: x).
Proof.
move=> AP wb regular; rewrite /absorb /=.
have inverse := mulmx1C (rank_one_inverse AP regular).
set P' := rank_one _ _ _ in inverse *.
have bA : b = A *m w by rewrite wb mulmxA AP mul1mx.
have bE : b + y *: x = (A + x *m x^T) *m w + (y - number (x^T *m w)) *: x.
  rewrite mulmxDl -bA -mulmxA [x^T *m w]number_scalar mul_mx_scalar -addrA; congr (_ + _).
  by rewrite -scalerDl addrC /number mxE eqxx mulr1n subrK.
by rewrite bE mulmxDr mulmxA inverse mul1mx -scalemxAr.
Qed.
End RankOne.

Section Ridge.
Variables (F : realFieldType) (d : nat) (lambda : F).
Hypothesis positive : 0 < lambda.
Implicit Types (examples : seq ('cV[F]_d * F)) (x z : 'cV[F]_d).

Definition second_moment examples := lambda%:M + \sum_(e <- examples) e.1 *m e.1^T.
Definition first_moment examples := \sum_(e <- examples) e.2 *: e.1.

Lemma square_nonneg p (z : 'cV[F]_p) : 0 <= number (z^T *m z).
Proof. by rewrite /number mxE sumr_ge0 // => i _; rewrite mxE -expr2 sqr_ge0. Qed.

Lemma second_moment_sym examples : (second_moment examples)^T = second_moment examples.
Proof.
rewrite /second_moment trmxD tr_scalar_mx; congr (_ + _).
elim: examples => [|e rest IH]; first by rewrite big_nil trmx0.
by rewrite big_cons trmxD IH trmx_mul trmxK.
Qed.

Lemma second_moment_nonneg examples z : 0 <= number (z^T *m second_moment examples *m z).
Proof.
rewrite /second_moment; elim: examples => [|e rest IH].
  rewrite big_nil addr0 mul_mx_scalar -scalemxAl /number mxE.
  by rewrite mulr_ge0 ?(ltW positive) //; exact: square_nonneg.
rewrite big_cons addrCA mulmxDr mulmxDl /number mxE addr_ge0 //.
have -> : z^T *m (e.1 *m e.1^T) *m z = (e.1^T *m z)^T *m (e.1^T *m z).
  by rewrite trmx_mul trmxK !mulmxA.
exact: square_nonneg.
Qed.

(* With a positive ridge no denominator vanishes. *)
Lemma denominator examples P x :
  second_moment examples *m P = 1%:M -> 0 < 1 + number (x^T *m P *m x).
Proof.
move=> AP; apply: ltr_paddr (ltr01).
have -> : x^T *m P *m x = (P *m x)^T *m second_moment examples *m (P *m x).
  rewrite -[in RHS](second_moment_sym examples) -trmx_mul [second_moment _ *m _]mulmxA AP mul1mx.
  by rewrite mulmxA.
exact: second_moment_nonneg.
Qed.

Definition pass examples := foldl (@absorb F d) ((lambda^-1)%:M, 0) examples.

(* After any examples P inverts their second moment and w = P times their first moment.
   [supports sherman_morrison] *)
Theorem pass_examples examples :
  let: (P, w) := pass examples in
  second_moment examples *m P = 1%:M /\ w = P *m first_moment examples.
Proof.
rewrite /pass; elim/last_ind: examples => [|s [x y] IH] /=.
  rewrite /second_moment /first_moment !big_nil addr0 mulmx0; split=> //.
  by rewrite -scalar_mxM mulfV // gt_eqF.
rewrite foldl_rcons; case: (foldl _ _ s) IH => P w [AP wb].
have regular := lt0r_neq0 (denominator x AP).
have weights := absorb_weights y AP wb regular; split.
  rewrite /second_moment -cats1 big_cat big_seq1 addrA.
  exact: rank_one_inverse.
by rewrite [LHS]weights /first_moment -cats1 big_cat big_seq1.
Qed.

(* The pass over the rows of X ends with the ridge solution (lambda I + X^T X)^-1 X^T y.
   [supports akyurek2022.theorem2.multistep, sherman_morrison] *)
Theorem pass_is_ridge n (X : 'M[F]_(n, d)) (y : 'cV[F]_n) :
  pass [seq ((row i X)^T, y i 0) | i <- enum 'I_n] =
  (invmx (lambda%:M + X^T *m X), invmx (lambda%:M + X^T *m X) *m (X^T *m y)).
Proof.
set examples := map _ _.
have gram : second_moment examples = lambda%:M + X^T *m X.
  rewrite /second_moment big_map big_enum /=; congr (_ + _).
  apply/matrixP => i j; rewrite !mxE summxE; apply: eq_bigr => k _.
  by rewrite !mxE big_ord1 !mxE.
have moment : first_moment examples = X^T *m y.
  rewrite /first_moment big_map big_enum /=.
  apply/matrixP => i j; rewrite !mxE summxE; apply: eq_bigr => k _.
  by rewrite !mxE ord1 mulrC.
case: (pass _) (pass_examples examples) => P w [].
by rewrite gram moment => /inverse_unique <- ->.
Qed.
End Ridge.

(* P and w after the first i examples of a prompt. *)
Section Prefixes.
Variables (F : realFieldType) (lambda : F).
Hypothesis positive : 0 < lambda.
Variables (n d : nat) (X : 'M[F]_(n, d)) (y : 'cV[F]_n).

Definition prompt_examples := [seq ((row i X)^T, y i 0) | i <- enum 'I_n].
Definition state i := pass lambda (take i prompt_examples).

Lemma state_inverse i :
  second_moment lambda (take i prompt_examples) *m (state i).1 = 1%:M.
Proof.
by rewrite /state; case: (pass _ _) (pass_examples positive (take i prompt_examples)) => ? ? [].
Qed.

Lemma state_sym i : (state i).1^T = (state i).1.
Proof.
have AP := state_inverse i; have PA := congr1 trmx AP.
rewrite trmx_mul second_moment_sym trmx1 in PA.
by rewrite -[LHS]mulmx1 -AP mulmxA PA mul1mx.
Qed.

Lemma state_regular i x : 1 + number (x^T *m (state i).1 *m x) != 0.
Proof. exact: lt0r_neq0 (denominator positive x (state_inverse i)). Qed.

Lemma stateS (i : 'I_n) : state i.+1 = absorb (state i) ((row i X)^T, y i 0).
Proof.
rewrite /state /pass (take_nth ((row i X)^T, y i 0)); last by rewrite size_map size_enum_ord.
by rewrite foldl_rcons (nth_map i) ?size_enum_ord // nth_ord_enum.
Qed.
End Prefixes.
