(* One token, the register, holds a matrix P and vectors: what blocks and bilinear gates do to such
   slots. For the witness `sherman_morrison` with storage "matrix". *)
Require Import Prelude Matrices ShermanMorrison Layer Weights_sherman_morrison TokenPass.

Section Register.
Variables (F : fieldType) (n d : nat).
Implicit Types (a w g u : 'rV[F]_d) (P : 'M[F]_d) (c : 'M[F]_1).

(* What only token 0 holds: e *m v for a vector v, `stored P` for a matrix P. *)
Definition e : 'cV[F]_n.+1 := delta_mx 0 0.
Definition stored P : 'M[F]_(n.+1, d * d) := holding (fun t => e t 0 *: P).

Lemma once t : e t 0 * e t 0 = e t 0.
Proof. by rewrite /e !mxE -natrM mulnb andbb. Qed.

Lemma e_row q (v : 'rV[F]_q) t j : (e *m v) t j = e t 0 * v 0 j.
Proof. by rewrite mxE big_ord1. Qed.

Lemma held_holding p (B : 'I_p -> 'M[F]_d) t : held (holding B) t = B t.
Proof. by rewrite /held; have -> : row t (holding B) = mxvec (B t)
  by [apply/rowP => j; rewrite !mxE]; rewrite mxvecK. Qed.

Lemma held_hadamard p (A B : 'M[F]_(p, d * d)) t i j :
  held (hadamard A B) t i j = held A t i j * held B t i j.
Proof. by rewrite /held !mxE. Qed.

Lemma holding_eq p (B C : 'I_p -> 'M[F]_d) : (forall t, B t = C t) -> holding B = holding C.
Proof. by move=> BC; apply/matrixP => t i; rewrite !mxE BC. Qed.

Lemma matrix_vector P a :
  \matrix_(t, i) (\sum_j held (hadamard (stored P) (holding (fun t => \matrix_(_, j) (e *m a) t j)))
                   t i j) = e *m (a *m P^T).
Proof.
apply/matrixP => t i; rewrite e_row [LHS]mxE [(a *m P^T) 0 i]mxE mulr_sumr; apply: eq_bigr => j _.
rewrite held_hadamard !held_holding [(_ *: P) i j]mxE [(\matrix_(_, _) _) i j]mxE e_row.
by rewrite [P^T j i]mxE mulrACA once [P i j * _]mulrC.
Qed.
Lemma column_row (g u : 'rV[F]_d) :
  hadamard (holding (fun t => \matrix_(i, _) (e *m g) t i))
           (holding (fun t => \matrix_(_, j) (e *m u) t j)) = stored (g^T *m u).
Proof.
apply/matrixP => t k; case/mxvec_indexP: k => i j.
have -> : hadamard (holding (fun t => \matrix_(i, _) (e *m g) t i))
    (holding (fun t => \matrix_(_, j) (e *m u) t j)) t (mxvec_index i j)
    = (e *m g) t i * (e *m u) t j.
  by rewrite /hadamard /holding !(mxE, mxvecE).
rewrite /stored /holding mxE mxvecE [RHS]mxE !e_row mulrACA once; congr (_ * _).
by rewrite mxE big_ord1 mxE.
Qed.

Lemma storedB P P' : stored P - stored P' = stored (P - P').
Proof.
apply/matrixP => t k; case/mxvec_indexP: k => i j.
by rewrite /stored /holding !(mxE, mxvecE) mulrBr.
Qed.

Lemma scaled_row a r : hadamard (e *m a) (\matrix_(t, _) (e *m (r : 'M_1)) t 0) = e *m (r 0 0 *: a).
Proof.
by apply/matrixP => t j; rewrite [LHS]mxE !e_row [(\matrix_(_, _) _) t j]mxE e_row mulrACA once
  [(_ *: a) 0 j]mxE [a 0 j * _]mulrC.
Qed.

Lemma inner_products w a : \matrix_(t, _) (\sum_j hadamard (e *m w) (e *m a) t j) = e *m (w *m a^T).
Proof.
apply/matrixP => t k; rewrite e_row [LHS]mxE [(w *m a^T) 0 k]mxE mulr_sumr ord1.
apply: eq_bigr => j _.
by rewrite [LHS]mxE !e_row mulrACA once [a^T j 0]mxE.
Qed.

Lemma fetch q (A : 'M[F]_(n, q)) (i : 'I_n) :
  (\matrix_(t, _) (if insub (i + 1)%N is Some j then one_hot F n.+1 t j else 0) : 'cV_n.+1)^T
    *m (col_mx 0 A : 'M_(1 + n, q)) = row i A.
Proof.
have -> : insub (i + 1)%N = Some (rshift 1 i) :> option 'I_n.+1.
  by rewrite (_ : (i + 1)%N = rshift 1 i) ?valK //= addnC.
apply/rowP => j; rewrite [LHS]mxE [RHS]mxE (bigD1 (rshift 1 i)) //= big1 => [|t ti].
  rewrite addr0 [X in X * _]mxE [X in X * _]mxE [X in X * _]mxE add0n eqxx mul1r.
  exact: col_mxEd.
by rewrite !mxE add0n (negPf (ti : t != rshift 1 i :> nat)) mul0r.
Qed.

Lemma at_register : e *m e^T = gate F 0.
Proof. by rewrite /e trmx_delta mul_delta_mx. Qed.

Lemma register_once q (v : 'M[F]_(1, q)) : gate F 0 *m (e *m v) = e *m v.
Proof. by rewrite mulmxA /gate /e mul_delta_mx. Qed.
End Register.

Section Zeros.
Variables (F : fieldType) (d : nat).

Lemma hadamard0 p c (A : 'M[F]_(p, c)) : hadamard 0 A = 0.
Proof. by apply/matrixP => t j; rewrite !mxE mul0r. Qed.

Lemma held0 p : \matrix_(t, i) (\sum_j held (0 : 'M[F]_(p, d * d)) t i j) = 0.
Proof. by apply/matrixP => t i; rewrite !mxE big1 // => j _; rewrite !mxE. Qed.

Lemma sum0 p : \matrix_(t, _) (\sum_j (0 : 'M[F]_(p, d)) t j) = 0 :> 'cV_p.
Proof. by apply/matrixP => t i; rewrite !mxE big1 // => j _; rewrite !mxE. Qed.

Lemma holding0 p : holding (fun t => \matrix_(i, _) (0 : 'M[F]_(p, d)) t i) = 0.
Proof. by apply/matrixP => t k; case/mxvec_indexP: k => i j; rewrite !(mxE, mxvecE). Qed.

Lemma holding_scalar0 p : holding (fun t => ((0 : 'cV[F]_p) t 0)%:M : 'M_d) = 0.
Proof. by apply/matrixP => t k; case/mxvec_indexP: k => i j; rewrite !(mxE, mxvecE) mul0rn. Qed.
End Zeros.

Ltac each := repeat match goal with
  |- and3 _ _ _ => split | |- and4 _ _ _ _ => split | |- and5 _ _ _ _ _ => split end.
