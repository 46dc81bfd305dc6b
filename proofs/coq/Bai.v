(* The attention layer of Bai et al. 2023 that is one gradient step (proposition C.2), for the square
   loss, with the weights that are written from the builder that the claims run. Tokens are rows. *)
Require Import Prelude Matrices Layer Weights_bai2023 Relu.

Section Step.
Variables (F : realFieldType) (n d : nat) (R : F).
Local Notation relu := (@Relu.relu F).
Variables (X : 'M[F]_(n, d)) (y : 'cV[F]_n) (q : 'M[F]_(1, d)).

(* Tokens [x; y'; w; 1; t] of n examples and one query, at which y' and t are 0. *)
Definition tokens_hold (all : tokens F d 0 n 1) (w : 'cV[F]_d) :=
  [/\ context all Vector "x" = X, context all Scalar "y" = y,
      context all Vector "w" = const_mx 1 *m w^T, context all Scalar "one" = const_mx 1
    & context all Scalar "t" = const_mx 1] /\
  [/\ queries all Vector "x" = q, queries all Scalar "y" = 0,
      queries all Vector "w" = const_mx 1 *m w^T, queries all Scalar "one" = const_mx 1
    & queries all Scalar "t" = 0].

(* The scores of one head: those of the examples are open, that of the query is shut. *)
Lemma gated p (w : 'cV[F]_d) a b :
  b = - a -> a * (q *m w) 0 0 <= R ->
  map_mx relu
    (b *: (const_mx 1 : 'cV_p) *m (col_mx y (0 : 'cV_1))^T +
     (0 *: const_mx 1 *m (col_mx (const_mx 1 : 'cV_n) (const_mx 1 : 'cV_1))^T +
      (-1 * R) *: const_mx 1 *m (col_mx (const_mx 1 : 'cV_n) (const_mx 1 : 'cV_1) +
                                 -1 *: col_mx (const_mx 1) 0)^T) +
     a *: (const_mx 1 *m w^T) *m (col_mx X q)^T) =
  row_mx (map_mx relu (a *: (const_mx 1 *m (X *m w - y)^T))) 0.
Proof.
move=> -> shut; rewrite scale0r mul0mx add0r scale_col_mx add_col_mx scaler0 addr0 !scaleN1r subrr.
rewrite !tr_col_mx !mul_mx_row !trmx0 !mulmx0 !add_row_mx map_row_mx; congr row_mx.
  congr map_mx; linear_combination; ring.
apply/matrixP => i j; rewrite !mxE !ord1 /Relu.relu max_r // !big_ord1 !mxE.
have -> : \sum_k (a *: (const_mx 1 *m w^T)) i k * q^T k 0 = a * (q *m w) 0 0.
  rewrite !mxE mulr_sumr; apply: eq_bigr => k _.
  by rewrite !mxE big_ord1 !mxE mul1r -mulrA [w k 0 * _]mulrC.
by rewrite add0r !mulr1 mulN1r addrC subr_le0.
Qed.

(* One gradient step of (1/2n) sum (w^T x_i - y_i)^2. *)
Definition descended eta w : 'cV[F]_d := w - (eta / n%:R) *: (X^T *m (X *m w - y)).

(* What any p tokens receive from the two heads, P being the open scores of the first. *)
Lemma received_by p (w : 'cV[F]_d) eta (P : 'M[F]_(p, n)) :
  let rate := eta * n.+1%:R / n%:R in let U := const_mx 1 *m (X *m w - y)^T in
  const_mx 1 *m w^T + P *m (n.+1%:R^-1 *: ((- 2%:R * rate) *: X)) +
    (P - (1 / 2%:R) *: U) *m (n.+1%:R^-1 *: ((2%:R * rate) *: X)) =
  const_mx 1 *m (descended eta w)^T.
Proof.
move=> rate U.
have -> : n.+1%:R^-1 *: ((- 2%:R * rate) *: X) = - (n.+1%:R^-1 *: ((2%:R * rate) *: X)).
  by rewrite mulNr scaleNr scalerN.
rewrite mulmxN mulmxBl addrA subrK scalerA -scalemxAl -scalemxAr scalerA.
have -> : 1 / 2%:R * (n.+1%:R^-1 * (2%:R * rate)) = eta / n%:R.
  have half : 2%:R != 0 :> F by rewrite pnatr_eq0.
  have all_tokens : n.+1%:R != 0 :> F by rewrite pnatr_eq0.
  rewrite /rate mul1r [n.+1%:R^-1 * _]mulrCA mulKf // [eta * _]mulrC -!mulrA mulKf //.
rewrite /descended /U [in RHS]linearB /= [in RHS]linearZ /= trmx_mul trmxK.
by rewrite mulmxBr -scalemxAr mulmxA.
Qed.

(* Every token's w is one gradient step further, for every n, d and w, where R is at least the size
   of <w, q>: with the value (n + 1)/n eta, as the layer divides by n + 1.
   [supports bai2023.propC2.square] *)
Theorem square_loss_step all w eta :
  tokens_hold all w -> `|(q *m w) 0 0| <= R ->
  tokens_hold (run relu n.+1 (bai2023_step_layers d (eta * n.+1%:R / n%:R) R) all)
    (descended eta w).
Proof.
case: all => c h [] [] /= cx cy cw co ct [] hx hy hw ho ht bound.
have shut a : `|a| <= 1 -> a * (q *m w) 0 0 <= R.
  move=> small; apply: le_trans bound; apply: le_trans (ler_norm _) _.
  by rewrite normrM ler_pimull.
have half : `|1 / 2%:R : F| <= 1.
  by rewrite mul1r normfV ger0_norm ?ler0n // invf_le1 ?ltr0n // ler1n.
rewrite /tokens_hold; split; split; execute; rewrite ?cx ?cy ?cw ?co ?ct ?hx ?hy ?hw ?ho ?ht //.
all: rewrite (@gated _ w (1 / 2%:R) (- (1 / 2%:R))) ?shut //.
all: rewrite (@gated _ w (- (1 / 2%:R)) (1 / 2%:R)) ?opprK ?shut ?normrN //.
all: rewrite !scaleNr relu_opposite !scale_col_mx !mul_row_col !mul0mx !addr0.
all: exact: received_by.
Qed.
End Step.
