(* The Newton iterates as polynomials in S = X^T X, from M_0 = alpha S.
   Fu et al. 2023, equations 5, 38, 39, 40 and 43. *)
Require Import Prelude Matrices Iterations.

Section Polynomials.
Variables (R : comRingType) (alpha : R).

Definition newton_poly k : {poly R} := iter k (fun p => p *+ 2 - p * 'X * p) (alpha *: 'X).

Lemma newton_poly_residual k :
  1 - newton_poly k * 'X = (1 - alpha *: 'X^2) ^+ (2 ^ k).
Proof.
elim: k => [|k IH]; first by rewrite expr1 -scalerAl expr2.
rewrite expnS mulnC exprM -IH /newton_poly iterS -/(newton_poly k).
by move: (newton_poly k) => p; ring.
Qed.

Definition moment_coefficient k i : R := - ((- alpha) ^+ i.+1) *+ 'C(2 ^ k, i.+1).

Lemma newton_poly_moments k :
  newton_poly k = \sum_(i < 2 ^ k) moment_coefficient k i *: 'X^(i.*2.+1).
Proof.
apply: (monic_rreg (monicX R)); rewrite /= -[LHS](subKr 1) newton_poly_residual.
have -> : 1 - alpha *: 'X^2 = 1 + (- alpha) *: 'X^2 :> {poly R} by rewrite scaleNr.
rewrite exprDn big_ord_recl /=.
rewrite subn0 expr1n expr0 mulr1 bin0 mulr1n opprD addrA subrr add0r -sumrN big_distrl /=.
apply: eq_bigr => i _; rewrite /bump /= add1n expr1n mul1r exprZn -exprM mul2n.
by rewrite -scalerAl -exprSr doubleS /moment_coefficient -scalerMnl scaleNr mulNrn.
Qed.
End Polynomials.

Section Moments.
Variables (R : comRingType) (d : nat).
Implicit Types (S : 'M[R]_d) (alpha : R).

(* Equation 40 with its coefficients, for every k:
   M_k = sum over i < 2^k of -(-alpha)^(i+1) C(2^k, i+1) S^(2i+1). [supports fu2023.eq40] *)
Theorem newton_moments alpha S k :
  newton_iterate S (alpha *: S) k =
  \sum_(i < 2 ^ k) moment_coefficient alpha k i *: power S (i.*2.+1).
Proof.
case: d S => [|d'] S; first by rewrite [LHS]flatmx0 [RHS]flatmx0.
have -> : newton_iterate S (alpha *: S) k = horner_mx S (newton_poly alpha k).
  elim: k => [|k IH]; first by rewrite linearZ /= horner_mx_X.
  rewrite /newton_iterate iterS -/(newton_iterate _ _ _) IH /newton_poly iterS.
  rewrite rmorphB rmorphMn !rmorphM /= horner_mx_X /newton_update.
  by rewrite -scaler_nat.
rewrite newton_poly_moments linear_sum; apply: eq_bigr => i _.
by rewrite linearZ /= rmorphX /= horner_mx_X power_exp exprS.
Qed.

(* Equation 40 as printed: some real beta_s, s = 1 .. 2^(k+1) - 1. [supports fu2023.eq40] *)
Theorem equation40 alpha S k :
  exists beta : nat -> R,
    newton_iterate S (alpha *: S) k = \sum_(1 <= s < 2 ^ k.+1) beta s *: power S s.
Proof.
exists (fun s => if odd s then moment_coefficient alpha k s./2 else 0).
rewrite newton_moments expnS mul2n; elim: (2 ^ k)%N => [|N IH].
  by rewrite big_ord0 double0 big_geq.
case: N IH => [_|N IH].
  by rewrite big_ord1 big_nat1.
rewrite big_ord_recr IH doubleS (@big_nat_recr _ _ _ N.+1.*2.+1) ?doubleS //=.
by rewrite (@big_nat_recr _ _ _ N.*2.+2) //= uphalf_double odd_double /= scale0r addr0.
Qed.

(* Equation 38, repaired: M_1 = 2 alpha S - alpha^2 S^3. [repairs fu2023.eq38] *)
Theorem equation38_repaired alpha S :
  newton_iterate S (alpha *: S) 1 = (2%:R * alpha) *: S - alpha ^+ 2 *: power S 3.
Proof.
rewrite /newton_iterate /= /newton_update !powerS power0 mulmx1; linear_combination; ring.
Qed.

(* Equation 39, repaired: M_2 = 4 alpha S - 6 alpha^2 S^3 + 4 alpha^3 S^5 - alpha^4 S^7.
   [repairs fu2023.eq39] *)
Theorem equation39_repaired alpha S :
  newton_iterate S (alpha *: S) 2 =
  (4%:R * alpha) *: S - (6%:R * alpha ^+ 2) *: power S 3
  + (4%:R * alpha ^+ 3) *: power S 5 - alpha ^+ 4 *: power S 7.
Proof.
rewrite /newton_iterate /= /newton_update !powerS power0 mulmx1; linear_combination; ring.
Qed.

(* The weights M_k X^T y lie in the span of the examples x_1 .. x_n. [supports fu2023.eq43] *)
Theorem equation43 n (X : 'M[R]_(n, d)) (y : 'cV[R]_n) alpha k :
  exists c : 'cV[R]_n, newton_iterate (X^T *m X) (alpha *: (X^T *m X)) k *m (X^T *m y) = X^T *m c.
Proof.
set S := X^T *m X.
suff [N ->] : exists N : 'M_(n, d), newton_iterate S (alpha *: S) k = X^T *m N.
  by exists (N *m (X^T *m y)); rewrite !mulmxA.
elim: k => [|k [N IH]]; first by exists (alpha *: X); rewrite scalemxAr.
exists (2%:R *: N - N *m S *m newton_iterate S (alpha *: S) k).
rewrite /newton_iterate iterS -/(newton_iterate _ _ _) /newton_update {1 2}IH.
by rewrite mulmxBr -scalemxAr !mulmxA.
Qed.
End Moments.

Section Refutations.
Variable F : numFieldType.
Notation one := (1%:M : 'M[F]_1).

Lemma one_entry (A B : 'M[F]_1) : A 0 0 != B 0 0 -> A <> B.
Proof. by move=> + AB; rewrite AB eqxx. Qed.

Lemma gram_one : one^T *m one = one.
Proof. by rewrite trmx1 mulmx1. Qed.

(* Equation 38 as printed, M_1 = 2 alpha S - 4 alpha^2 S^3, fails at n = d = 1, x = alpha = 1.
   [refutes fu2023.eq38] *)
Theorem equation38_printed_fails :
  exists (X : 'M[F]_1) (alpha : F), let S := X^T *m X in
  newton_iterate S (alpha *: S) 1 <> (2%:R * alpha) *: S - (4%:R * alpha ^+ 2) *: power S 3.
Proof.
exists one, 1 => S; rewrite equation38_repaired /S gram_one !powerS power0 !mulmx1 -!scalerBl.
apply: one_entry; rewrite !mxE eqxx !mulr1 expr1n -subr_eq0.
set gap := (X in X != 0); have -> : gap = 3%:R by rewrite /gap; ring.
by rewrite pnatr_eq0.
Qed.

(* Equation 39 as printed, 4 alpha S - 12 alpha^2 S^3 + 16 alpha^3 S^5 - 16 alpha^4 S^7, fails
   there too. [refutes fu2023.eq39] *)
Theorem equation39_printed_fails :
  exists (X : 'M[F]_1) (alpha : F), let S := X^T *m X in
  newton_iterate S (alpha *: S) 2 <>
  (4%:R * alpha) *: S - (12%:R * alpha ^+ 2) *: power S 3
  + (16%:R * alpha ^+ 3) *: power S 5 - (16%:R * alpha ^+ 4) *: power S 7.
Proof.
exists one, 1 => S; rewrite equation39_repaired /S gram_one !powerS power0 !mulmx1 -!(scalerBl, scalerDl).
apply: one_entry; rewrite !mxE eqxx !mulr1 !expr1n -subr_eq0.
set gap := (X in X != 0); have -> : gap = 9%:R by rewrite /gap; ring.
by rewrite pnatr_eq0.
Qed.

(* Equation 5 as printed: with alpha = 2 / |S S^T|_2 the top eigenvalue s of S has 1 - alpha s^2
   = -1, and M_k vanishes there for every k >= 1. At n = d = 1, x = 1: S = S^+ = 1, |S S^T|_2 = 1,
   alpha = 2, and M_k = 0 for ever. [refutes fu2023.eq5] *)
Theorem equation5_printed_fails k :
  exists X : 'M[F]_1, let S := X^T *m X in
  [/\ S = 1%:M, invmx S = 1%:M & newton_iterate S (2%:R *: S) k.+1 = 0].
Proof.
exists one => S; rewrite /S gram_one invmx1; split => //.
rewrite /newton_iterate iterSr.
have -> : newton_update one (2%:R *: one) = 0.
  by rewrite /newton_update mulmx1 -scalemxAl mul1mx subrr.
elim: k => //= k ->.
by rewrite /newton_update mul0mx mul0mx scaler0 subr0.
Qed.
End Refutations.
