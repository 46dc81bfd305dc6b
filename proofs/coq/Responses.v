(* What a fingerprint rests on: on prompts with X^T X = s I an algorithm that sees the data through
   the eigenvalues of S = X^T X predicts r(s) x^T X^T y, and r is p/q with polynomials p and q. *)
Require Import Prelude.

Section Responses.
Variable F : fieldType.
Implicit Types (p q P Q : {poly F}) (eigenvalues : seq F).

(* Two responses p/q and P/Q that agree at more different eigenvalues than p Q - P q has degrees
   are one function. [repairs akyurek2022.phases, fu2023.readout] *)
Theorem responses_agree p q P Q eigenvalues :
  uniq eigenvalues -> (size (p * Q - P * q)%R <= size eigenvalues)%N ->
  all (fun s => p.[s] * Q.[s] == P.[s] * q.[s]) eigenvalues -> p * Q = P * q.
Proof.
move=> different few agree; apply/eqP; rewrite -subr_eq0; apply/negPn/negP => nonzero.
have roots : all (root (p * Q - P * q)) eigenvalues.
  by apply: sub_all agree => s; rewrite rootE !hornerE subr_eq0.
by have := max_poly_roots nonzero roots different; rewrite ltnNge few.
Qed.

(* No polynomial of degree below m - 1 is 1/s at m different eigenvalues: what is left of the error,
   1 - s p(s), is 1 at 0. [repairs fu2023.readout] *)
Theorem no_polynomial_inverts p eigenvalues :
  uniq eigenvalues -> (size p < size eigenvalues)%N -> ~~ all (fun s => s * p.[s] == 1) eigenvalues.
Proof.
move=> different few; apply/negP => inverse.
have one : 'X * p = 1 * 1 :> {poly F}.
  have := @responses_agree ('X * p) 1 1 1 eigenvalues different; rewrite !mulr1; apply.
    apply: (leq_trans (size_add _ _)); rewrite size_opp size_poly1 geq_max.
    by rewrite (leq_trans (size_mul_leq _ _)) ?size_polyX //= (leq_trans _ few).
  by apply: sub_all inverse => s; rewrite !hornerE.
have := congr1 (fun f : {poly F} => f.[0]) one; rewrite !hornerE.
by move/eqP; rewrite eq_sym oner_eq0.
Qed.
End Responses.
