(* ReLU heads in pairs: relu(u) - relu(-u) = u, so a pair with opposite keys and opposite values
   is one linear head. The witness `newton` with attention "relu" (Fu et al. 2023, equation 21
   with the sign of the second value changed), end to end. *)
Require Import Prelude Matrices Iterations Layer Weights_newton Newton.

Section Relu.
Variable F : realFieldType.
Definition relu (u : F) : F := Num.max u 0.

(* A pair of ReLUs is the identity. [supports newton] *)
Theorem relu_pair u : relu u - relu (- u) = u.
Proof.
rewrite /relu; case: (leP u 0) => [u0|u0].
  by rewrite max_l ?oppr_ge0 // sub0r opprK.
by rewrite max_r ?subr0 // oppr_le0 ltW.
Qed.

(* Printed in equation 21: with both values positive the pair is the absolute value. *)
Theorem relu_sum_is_abs u : relu u + relu (- u) = `|u|.
Proof.
rewrite /relu; case: (leP u 0) => [u0|u0].
  by rewrite max_l ?oppr_ge0 // add0r ler0_norm.
by rewrite max_r ?addr0 ?gtr0_norm // oppr_le0 ltW.
Qed.

(* In matrices of scores, with key weights 1 and -1. *)
Lemma relu_opposite p q (A : 'M[F]_(p, q)) : map_mx relu (- A) = map_mx relu A - A.
Proof. by apply/matrixP => i j; rewrite !mxE -[X in _ - X]relu_pair opprB addrC subrK. Qed.

Variables (alpha : F) (positions n m d : nat).
Variables (X : 'M[F]_(n, d)) (y : 'cV[F]_n) (Q : 'M[F]_(m, d)).
Let S := X^T *m X.
Let two : 2%:R != 0 :> F. Proof. by rewrite pnatr_eq0. Qed.

Ltac pairs := words; rewrite ?(scaleN1r, relu_opposite, mulmxBl); linear_combination; field.

(* M_0 = alpha S in one layer of ReLU pairs. [supports newton] *)
Theorem relu_initial :
  newton_holds X y Q
    (run relu n (newton_relu_start d alpha) (embed positions (newton_relu d alpha 0) X y Q))
    (alpha *: S).
Proof.
by rewrite /newton_holds /S /newton_relu /newton_relu_start /newton_relu_embedding; split; split;
  execute => //; pairs.
Qed.

(* One layer of ReLU pairs is one iteration. [supports newton] *)
Theorem relu_layer (all : tokens F d positions n m) T :
  newton_holds X y Q all T ->
  newton_holds X y Q (run relu n (newton_relu_step F d) all) (newton_update S T).
Proof.
case: all => c q [] /= [cx ct cy] [qx qt qp].
by rewrite /newton_holds /newton_update /newton_relu_step; split; split; execute;
  rewrite ?cx ?ct ?cy ?qx ?qt ?qp // /S; pairs.
Qed.

(* The read-out by a ReLU pair. [supports newton] *)
Theorem relu_readout (all : tokens F d positions n m) T :
  newton_holds X y Q all T ->
  queries (run relu n (newton_relu_end F d) all) Scalar "p" = Q *m (T *m (X^T *m y)).
Proof.
case: all => c q [] /= [cx ct cy] [qx qt qp].
by rewrite /newton_relu_end; execute; rewrite ?cx ?ct ?cy ?qx ?qt ?qp; pairs.
Qed.

(* Prompt to prediction, for every n, m, d and k. [supports newton] *)
Theorem newton_relu_predicts k :
  predict relu positions (newton_relu d alpha k) X y Q = newton_relu_formula alpha X y Q k.
Proof.
rewrite [RHS](newton_formulaE alpha X y Q k).
have holds := repeated relu_layer k relu_initial.
by rewrite /predict /= !run_cat -(relu_readout holds) scale1r.
Qed.
End Relu.
